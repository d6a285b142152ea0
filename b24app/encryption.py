"""Text that is encrypted in the database: tokens, application tokens, webhook addresses."""

from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


@lru_cache(maxsize=4)
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def cipher() -> MultiFernet:
    """The cipher of TOKEN_KEYS: the first key encrypts, every key decrypts."""
    return _cipher(tuple(settings.TOKEN_KEYS))


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]
    """A TextField whose column holds a Fernet token; the empty text stays empty.

    Reading with a key that is not in TOKEN_KEYS raises cryptography.fernet.InvalidToken: ciphertext never passes for a value.
    """

    def get_prep_value(self, value: Any) -> Any:
        text = super().get_prep_value(value)
        return cipher().encrypt(text.encode()).decode() if text else text

    def from_db_value(self, value: str | None, expression: object, connection: BaseDatabaseWrapper) -> str | None:
        return cipher().decrypt(value.encode()).decode() if value else value
