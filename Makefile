# Everything installs into the clone: .venv and node_modules.
PYTHON ?= python3
BIN := .venv/bin
CATALOGUES := $(wildcard locale/*/LC_MESSAGES/django.po)

# Production settings with throw-away secrets, for checks that must see what an operator's start sees.
PRODUCTION = DJANGO_DEBUG=off APP_URL=https://notifications.example B24_CLIENT_ID=local.check B24_CLIENT_SECRET=check \
	VENDOR_NAME="Example Vendor" SUPPORT_EMAIL=support@notifications.example \
	DJANGO_SECRET_KEY=$$($(BIN)/python -c "import secrets; print(secrets.token_urlsafe(60))") \
	TOKEN_KEYS=$$($(BIN)/python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())")

.PHONY: help setup demo test check bench chaos messages screenshots market-card market-pictures clean

help:
	@echo "make demo      install, migrate and start the app, its worker and the stand-in portals"
	@echo "make test      the whole suite, browser tests included (DATABASE_URL=postgres://... for PostgreSQL)"
	@echo "make check     lint, types, layers, migrations, deployment settings"
	@echo "make bench     measure: sending, clicks meanwhile, answers, the ledger"
	@echo "make chaos     2,000 notifications while their workers are killed twenty times, and what came of it"
	@echo "make screenshots  pictures of every page in every language, into var/screenshots/ (ARGS=--help for parts of it)"
	@echo "make market-card      the card for the Bitrix24 Market, ready to paste (ARGS=de for one language)"
	@echo "make market-pictures  its icon and screenshots, taken from the demo"
	@echo "make messages  collect texts for translation into locale/"

setup: .venv/.installed node_modules/.installed $(CATALOGUES:.po=.mo)

.venv/.installed: requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name it with: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -r requirements-dev.txt
	@touch $@

node_modules/.installed: package.json package-lock.json
	npm ci --silent --no-fund --no-audit
	@touch $@

%.mo: %.po .venv/.installed
	$(BIN)/pybabel --quiet compile -i $< -o $@

demo: setup
	$(BIN)/python scripts/demo.py

test: setup
	@sh scripts/browser.sh
	$(BIN)/pytest -n auto $(ARGS)

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	DJANGO_DEBUG=on $(BIN)/mypy
	$(BIN)/lint-imports
	DJANGO_DEBUG=on $(BIN)/python manage.py makemigrations --check --dry-run
	$(PRODUCTION) $(BIN)/python manage.py check --deploy --fail-level WARNING
	$(PRODUCTION) $(BIN)/python manage.py collectstatic --noinput --clear --verbosity 0

bench: setup
	@for file in benchmarks/[a-z]*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

chaos: setup
	CHAOS_RECIPIENTS=2000 CHAOS_KILLS=20 CHAOS_SECONDS=900 $(BIN)/pytest -q --timeout 1000 tests/chaos $(ARGS)

screenshots: setup
	@sh scripts/browser.sh
	$(BIN)/python -m scripts.screenshots $(ARGS)

messages: .venv/.installed
	$(BIN)/python -m scripts.catalogue

market-card: .venv/.installed
	@DJANGO_SETTINGS_MODULE=b24app.settings $(BIN)/python -m scripts.market_card $(ARGS)

market-pictures: setup
	@sh scripts/browser.sh
	$(BIN)/python -m scripts.market_pictures $(ARGS)

clean:
	rm -rf .venv node_modules var staticfiles .mypy_cache .ruff_cache .pytest_cache
