"""Reading what strangers post: anything that is no well-formed UTF-8 form ends in 400."""

from urllib.parse import parse_qsl

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest, QueryDict


def form_of(request: HttpRequest) -> QueryDict:
    """The posted form; raises BadRequest for bytes that are no UTF-8, and RequestDataTooBig (400 too) for an oversized body.

    Django itself replaces broken bytes silently, and a NUL that got through would end in a database error.
    """
    _refuse_broken(request.META.get("QUERY_STRING", ""))
    try:
        text = request.body.decode()
    except UnicodeDecodeError:
        raise BadRequest("The body is not UTF-8.") from None
    if request.content_type == "application/x-www-form-urlencoded":
        _refuse_broken(text)
    elif "\0" in text:
        raise BadRequest("The body holds a NUL character.")
    return request.POST


def _refuse_broken(encoded: str) -> None:
    try:
        pairs = parse_qsl(encoded, keep_blank_values=True, errors="strict", max_num_fields=settings.DATA_UPLOAD_MAX_NUMBER_FIELDS)
    except ValueError:
        raise BadRequest("The form is not readable UTF-8.") from None
    if any("\0" in name or "\0" in value for name, value in pairs):
        raise BadRequest("The form holds a NUL character.")
