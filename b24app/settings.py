"""Settings of Tagged Notifications: everything an operator may change comes from the environment or .env."""

import base64
import hashlib
from pathlib import Path
from urllib.parse import urlsplit

import environ
from csp.constants import NONE, SELF

from b24app import logs
from b24app.networks import read_networks
from b24app.queue import make_queue
from b24app.secrets_check import refuse_unusable_token_keys, refuse_weak_secrets

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

env = environ.Env()
env.read_env(BASE_DIR / ".env")

DEBUG = env.bool("DJANGO_DEBUG", default=False)

# A fixed key is good enough on a developer's own machine only; with DEBUG off it is refused below.
SECRET_KEY = env("DJANGO_SECRET_KEY", default="for-development-only" if DEBUG else "")
TOKEN_KEYS: list[str] = env.list("TOKEN_KEYS", default=[])
if DEBUG and not TOKEN_KEYS:
    TOKEN_KEYS = [base64.urlsafe_b64encode(hashlib.sha256(SECRET_KEY.encode()).digest()).decode()]

APP_URL = env("APP_URL", default="http://127.0.0.1:8000").rstrip("/")
_app_address = urlsplit(APP_URL)
ALLOWED_HOSTS: list[str] = env.list("DJANGO_ALLOWED_HOSTS", default=[_app_address.hostname or "127.0.0.1"])

# Who answers for this installation: named on the public pages (b24app.public_pages).
VENDOR_NAME = env("VENDOR_NAME", default="")
SUPPORT_EMAIL = env("SUPPORT_EMAIL", default="")

B24_CLIENT_ID = env("B24_CLIENT_ID", default="")
B24_CLIENT_SECRET = env("B24_CLIENT_SECRET", default="")
B24_APP_CODE = env("B24_APP_CODE", default="") or B24_CLIENT_ID
B24_OAUTH_SERVERS: list[str] = [
    address.rstrip("/") for address in env.list("B24_OAUTH_SERVERS", default=["https://oauth.bitrix.info", "https://oauth.bitrix24.tech"])
]
B24_ALLOW_HTTP = env.bool("B24_ALLOW_HTTP", default=False)
B24_ALLOW_PRIVATE_HOSTS = env.bool("B24_ALLOW_PRIVATE_HOSTS", default=False)
B24_CA_FILE = env("B24_CA_FILE", default="")

if DEBUG:
    refuse_unusable_token_keys(TOKEN_KEYS)
else:
    refuse_weak_secrets(SECRET_KEY, TOKEN_KEYS, B24_CLIENT_ID, B24_CLIENT_SECRET)

INSTALLED_APPS = [
    "django.contrib.staticfiles",
    "csp",
    "django_htmx",
    "template_partials",
    "lucide",
    "b24app",
    "notifications",
    # After b24app, whose command run_huey goes before Huey's own.
    "huey.contrib.djhuey",
]
if DEBUG:
    # The stand-in portal brings only the command `devportal`; it is never part of a production start.
    INSTALLED_APPS.append("devportal")

MIDDLEWARE = [
    "b24app.middleware.logged",
    "b24app.middleware.head_without_body",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    # For pages outside the portal; inside it each view speaks the language that the portal tells.
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "b24app.middleware.answer_in_time",
]

ROOT_URLCONF = "b24app.urls"
WSGI_APPLICATION = "b24app.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.i18n"]},
    }
]

VAR_DIR.mkdir(exist_ok=True)
DATABASES = {"default": env.db("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'db.sqlite3'}")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Several processes share the file: without WAL and immediate transactions, writers fail with "database is locked".
    DATABASES["default"]["OPTIONS"] = {
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
    }
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 600
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

HUEY_URL = env("HUEY_URL", default=f"sqlite:///{VAR_DIR / 'huey.sqlite3'}")
HUEY = make_queue(HUEY_URL, immediate=False)

# How long work stays with a worker that gives no sign of life: a portal whose lane says every few seconds that it lives, and rows in a call
# that says nothing until it ends. Shorter only where workers are killed on purpose (tests/chaos).
LANE_LEASE_SECONDS = env.float("LANE_LEASE_SECONDS", default=20.0)
CALL_LEASE_SECONDS = env.float("CALL_LEASE_SECONDS", default=120.0)

# Who may read the figures at /metrics, and whose X-Forwarded-For is believed: addresses of proxies of our own.
METRICS_ALLOW = read_networks("METRICS_ALLOW", env.list("METRICS_ALLOW", default=[]))
TRUSTED_PROXIES = read_networks("TRUSTED_PROXIES", env.list("TRUSTED_PROXIES", default=[]))

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [
    BASE_DIR / "static",
    ("b24jssdk", BASE_DIR / "node_modules" / "@bitrix24" / "b24jssdk" / "dist" / "umd"),
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

LANGUAGE_CODE = "en"
# Each under its own name, so that whoever cannot read the present one finds theirs.
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("es", "Español"), ("pt-br", "Português (Brasil)"), ("ru", "Русский")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# Only the verified portal may frame a page: each response of the frame names it (b24app.frame.headers).
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "https:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
if B24_ALLOW_HTTP:
    # Pictures of people come from their portal, which may be plain HTTP then.
    CONTENT_SECURITY_POLICY["DIRECTIVES"]["img-src"].append("http:")

_https = _app_address.scheme == "https"
SECURE_SSL_REDIRECT = _https
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _https
SECURE_HSTS_PRELOAD = _https
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# Asked from inside, past the TLS proxy.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_REFERRER_POLICY = "no-referrer"
SECURE_CROSS_ORIGIN_OPENER_POLICY = None
CSRF_COOKIE_SECURE = _https
SILENCED_SYSTEM_CHECKS = [
    # The frame has no cookies to forge a request with: every act carries a bearer token instead.
    "security.W003",
    # Frames are allowed for the verified portal alone by frame-ancestors; X-Frame-Options cannot name an origin.
    "security.W002",
]

# Room for a pasted list of 20,000 e-mail addresses, and for some thousand people chosen by name.
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000

LOG_FORMAT = env("LOG_FORMAT", default="line" if DEBUG else "json")
LOGGING = logs.configuration(LOG_FORMAT, env("LOG_LEVEL", default="INFO").upper())
