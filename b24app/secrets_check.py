"""Refuses to start with missing or weak secrets, in one clear sentence."""

from collections.abc import Sequence

from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

SHORTEST_SECRET = 50
FEWEST_DIFFERENT_CHARACTERS = 5


def refuse_weak_secrets(secret_key: str, token_keys: Sequence[str], client_id: str, client_secret: str) -> None:
    """Raise ImproperlyConfigured naming the first variable that is missing or too weak for production."""
    if len(secret_key) < SHORTEST_SECRET or len(set(secret_key)) < FEWEST_DIFFERENT_CHARACTERS:
        raise ImproperlyConfigured(
            f"DJANGO_SECRET_KEY must be a random text of at least {SHORTEST_SECRET} characters; set it in the environment or .env."
        )
    refuse_unusable_token_keys(token_keys)
    if not client_id or not client_secret:
        raise ImproperlyConfigured(
            "B24_CLIENT_ID and B24_CLIENT_SECRET must hold the application's codes from Bitrix24; set both in the environment or .env."
        )


def refuse_unusable_token_keys(token_keys: Sequence[str]) -> None:
    """Raise ImproperlyConfigured unless every key is a Fernet key and there is at least one."""
    try:
        usable = bool(token_keys) and all(Fernet(key) for key in token_keys)
    except ValueError:
        usable = False
    if not usable:
        raise ImproperlyConfigured(
            "TOKEN_KEYS must list Fernet keys, comma-separated, newest first; "
            'make one with: python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())".'
        )
