"""Whether the public pages can say who stands behind this installation."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning, register


@register(deploy=True)
def vendor_is_named(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """For `manage.py check --deploy`: privacy policy and licence name a licensor and an address to write to."""
    missing = [name for name in ("VENDOR_NAME", "SUPPORT_EMAIL") if not getattr(settings, name)]
    hint = "Set it in the environment or .env: it stands on the pages /privacy/, /licence/ and /support/."
    return [Warning(f"{name} is not set.", hint=hint, id="b24app.W001") for name in missing]
