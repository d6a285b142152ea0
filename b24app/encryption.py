"""Text that is encrypted in the database: tokens, application tokens, webhook addresses."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.apps import apps
from django.conf import settings
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

_ROTATED_AT_ONCE = 500


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


@dataclass(frozen=True, slots=True)
class Column:
    """An encrypted column of a table."""

    model: type[models.Model]
    name: str

    def __str__(self) -> str:
        return f"{self.model._meta.label}.{self.name}"


@dataclass(slots=True)
class Tally:
    """What is in a column: values of the newest key, of an older one, and such that no key of TOKEN_KEYS opens.

    `rotated` were encrypted anew just now and count as newest; `changed` got another value from somebody else in that very moment.
    """

    newest: int = 0
    older: int = 0
    unreadable: int = 0
    rotated: int = 0
    changed: int = 0


def columns() -> list[Column]:
    """Every encrypted column of every app."""
    fields = ((model, field) for model in apps.get_models() for field in model._meta.concrete_fields)
    return [Column(model, field.name) for model, field in fields if isinstance(field, EncryptedTextField)]


def survey(column: Column) -> Tally:
    """Count the column's values by the key that opens them; nothing is changed."""
    tally = Tally()
    for _pk, token in _tokens(column):
        _count(tally, token)
    return tally


def rotate(column: Column) -> Tally:
    """Encrypt the column's older values with the newest key.

    Safe beside running processes, and may be broken off and begun again: each value is replaced on its own, and only while it is what was
    read.
    """
    tally = Tally()
    for pk, token in _tokens(column):
        if not _count(tally, token):
            continue
        tally.older -= 1
        if _replace(column, pk, token):
            tally.rotated += 1
            tally.newest += 1
        else:
            tally.changed += 1
    return tally


def _count(tally: Tally, token: str) -> bool:
    """Add one value; whether it is of an older key."""
    try:
        Fernet(settings.TOKEN_KEYS[0]).decrypt(token)
    except InvalidToken:
        pass
    else:
        tally.newest += 1
        return False
    try:
        cipher().decrypt(token)
    except InvalidToken:
        tally.unreadable += 1
        return False
    tally.older += 1
    return True


def _tokens(column: Column) -> Iterator[tuple[Any, str]]:
    """Primary key and stored text of every value that is not empty, in batches."""
    rows = _stored(column).exclude(stored="").exclude(stored=None).order_by("pk")
    last = None
    while batch := list((rows.filter(pk__gt=last) if last is not None else rows).values_list("pk", "stored")[:_ROTATED_AT_ONCE]):
        yield from batch
        last = batch[-1][0]


def _replace(column: Column, pk: object, token: str) -> bool:
    """Store the value of `token` encrypted anew, unless the row holds another one by now."""
    fresh = models.Value(cipher().rotate(token).decode(), output_field=models.TextField())
    return _stored(column).filter(pk=pk, stored=token).update(**{column.name: fresh}) == 1


def _stored(column: Column) -> models.QuerySet[Any]:
    """The rows with the column's text as it is stored, neither decrypted nor, in a filter, encrypted."""
    stored = models.ExpressionWrapper(models.F(column.name), output_field=models.TextField())
    return column.model._default_manager.annotate(stored=stored)
