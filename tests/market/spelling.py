"""Spelling and language of texts, with the dictionaries that simplemma brings and short lists of our own (tests/market/words)."""

import re
from functools import cache
from pathlib import Path

import simplemma

WORDS = Path(__file__).parent / "words"
LANGUAGES = ("de", "en", "es", "pt", "ru")

# No words of a language: addresses, placeholders of every kind, tags of HTML and BB code, entities, names in capitals such as SUB_TAG.
_NOT_WORDS = re.compile(
    r"https?://\S+|\S+@\S+|/[\w/]+|\b[\w-]+(?:\.[a-z\d-]+)+\b|\{%.*?%\}|\{\{.*?\}\}|\{[^{}]*\}|%\(\w+\)\w|\$\w+[\w/?=-]*|<[^>]*>|&\w+;|\[/?[\w*]+(?:=[^\]]*)?\]|\b[A-Z][A-Z_\d]+\b",
    re.DOTALL,
)
_WORD = re.compile(r"[^\W\d_]{2,}(?:['’][^\W\d_]+)*")


def misspelled(text: str, language: str) -> list[str]:
    """The words of the text that no dictionary of its language knows, each once."""
    code = language[:2]
    return sorted({word for word in _words(text) if not _is_spelled(word, code)})


def language_of(text: str) -> str:
    """The one of LANGUAGES whose words most of the text's words are."""
    shares = simplemma.langdetect(" ".join(_words(text)), lang=LANGUAGES)
    return str(shares[0][0])


def _words(text: str) -> list[str]:
    return _WORD.findall(_NOT_WORDS.sub(" ", text))


def _is_spelled(word: str, code: str) -> bool:
    own = re.sub(r"['’]s$", "", word) if code == "en" else word
    return own.lower() in _ours(code) or simplemma.is_known(own, lang=code) or simplemma.is_known(own.lower(), lang=code)


@cache
def _ours(code: str) -> frozenset[str]:
    """Names, which are spelled alike everywhere, and the language's own list."""
    return frozenset(word.lower() for name in ("names", code) for word in (WORDS / f"{name}.txt").read_text().split())
