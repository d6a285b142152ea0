"""The version of the app: the one that pyproject.toml, package.json and market/listing.yml name, and the release's tag."""

VERSION = "1.0.0"
