"""The production settings with secrets of their own, so that the suite needs no environment."""

import os

from cryptography.fernet import Fernet

# A developer's own .env usually switches DEBUG on.
os.environ.setdefault("DJANGO_DEBUG", "off")
os.environ.setdefault("DJANGO_SECRET_KEY", "only-the-tests-sign-with-this-0123456789-abcdefghijklmnopqrstuvwxyz")
os.environ.setdefault("TOKEN_KEYS", Fernet.generate_key().decode())
os.environ.setdefault("B24_CLIENT_ID", "app.0123456789abcdef.01234567")
os.environ.setdefault("B24_CLIENT_SECRET", "a-secret-of-the-stand-in-only")
os.environ.setdefault("B24_APP_CODE", "tagged.notifications")
os.environ.setdefault("DJANGO_ALLOWED_HOSTS", "127.0.0.1,localhost,testserver")

from b24app.settings import *  # noqa: F403
from b24app.settings import DATABASES, STORAGES, VAR_DIR

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, because an in-memory database is one connection's own and a live server's threads need to share it;
    # one per process, so that two runs at once do not meet.
    DATABASES["default"]["TEST"] = {"NAME": str(VAR_DIR / f"test-{os.getpid()}.sqlite3")}

# Static files are served from where they lie: collecting them is tested on its own.
STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
