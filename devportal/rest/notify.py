"""The im.notify.* family (doc: api-reference/chats/notifications; rules beyond it observed in server source)."""

import html
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from devportal.feed import FROM_USER, SYSTEM, FeedItem, namespaced
from devportal.rest.calls import PAGE, Call, RestError, intval, method, truthy, values
from devportal.world import Person, Portal

ATTACH_CHARACTERS = 59_999
"""The most that is taken: 60,000 by the documentation (im.notify), fewer than 60,000 as observed in server source."""

ATTACH_BLOCKS = frozenset({"USER", "LINK", "MESSAGE", "DELIMITER", "GRID", "IMAGE", "FILE", "HTML", "RICH_LINK"})
ATTACH_SETTINGS = frozenset({"ID", "COLOR", "COLOR_TOKEN", "DESCRIPTION", "BLOCKS"})
BLANK_AVATAR = "/bitrix/js/im/images/blank.gif"
SHORTEST_SEARCH = 3
MODULES = {
    "rest": ("Applications", {"rest_notify": "Notifications of applications", "rest_confirm": "Requests of applications"}),
    "socialnetwork": ("Workgroups", {"invite_group": "Invitations to workgroups"}),
    "calendar": ("Calendar", {"invite": "Invitations to meetings"}),
    "tasks": ("Tasks", {"task_update": "Changes of tasks", "comment": "Comments of tasks"}),
    "im": ("Messenger", {"mention": "Mentions in chats"}),
}


# Sending


@method("im.notify", "im")
def notify(call: Call) -> int | bool:
    """Send; TYPE is USER (default) or SYSTEM."""
    return _send(call, system=call.params.text("TYPE").upper() == "SYSTEM")


@method("im.notify.personal.add", "im")
def personal_add(call: Call) -> int | bool:
    """Send in the caller's name."""
    return _send(call, system=False)


@method("im.notify.system.add", "im")
def system_add(call: Call) -> int | bool:
    """Send in the application's name."""
    return _send(call, system=True)


def _send(call: Call, *, system: bool) -> int | bool:
    _refuse_session(call)
    user_id, message = call.params.integer("USER_ID"), call.params.text("MESSAGE").strip()
    if user_id <= 0:
        raise RestError("USER_ID_EMPTY", "User ID can't be empty")
    if not message:
        raise RestError("MESSAGE_EMPTY", "Message can't be empty")
    attach = _attach(call.params.get("ATTACH"))
    recipient = call.portal.people.get(user_id)
    if recipient is None or not recipient.active or recipient.external:
        return False
    if call.caller.app is not None and call.caller.app.client_id in recipient.muted:
        return int(call.world.clock.now())
    client_id = _client_id(call)
    if system and call.caller.app is not None:
        # That the name comes first is observed in server source; that it stands there plain, on a line of its own, is a guess.
        message = f"{call.caller.app.name}\n{message}"
    added = call.portal.store.add(
        user_id,
        author_id=0 if system else call.caller.person.id,
        notify_type=SYSTEM if system else FROM_USER,
        module="rest",
        event="rest_notify",
        text=message,
        tag=namespaced(client_id, call.params.text("TAG"))[:255],
        sub_tag=namespaced(client_id, call.params.text("SUB_TAG"))[:255],
        attach=attach,
        client_id=client_id,
    )
    return added.id


def _refuse_session(call: Call) -> None:
    if call.caller.kind == "session":
        raise RestError("WRONG_AUTH_TYPE", "Access for this method not allowed by session authorization.", 403)


def _client_id(call: Call) -> str:
    """The id whose md5 makes the namespace; by webhook without CLIENT_ID the empty one (a guess)."""
    if call.caller.app is not None:
        return call.caller.app.client_id
    given = call.params.text("CLIENT_ID")
    return f"custom{given}" if given else ""


def _attach(given: Any) -> Any:
    """The attachment's usable blocks with its settings; JSON text is read. Without a usable block it is wrong (observed in server source).

    A guess: a block is usable by its keys alone, while the server also looks at what they hold.
    """
    if given in (None, "", [], {}):
        return None
    attach = given
    if isinstance(given, str):
        try:
            attach = json.loads(given)
        except ValueError:
            raise RestError("ATTACH_ERROR", "Incorrect attach params") from None
    blocks = attach.get("BLOCKS", [attach]) if isinstance(attach, Mapping) else attach
    usable = [block for block in blocks if _is_block(block)] if isinstance(blocks, list) else []
    if not usable:
        raise RestError("ATTACH_ERROR", "Incorrect attach params")
    kept = {**attach, "BLOCKS": usable} if isinstance(attach, Mapping) and "BLOCKS" in attach else usable
    if len(_php_json(kept)) > ATTACH_CHARACTERS:
        raise RestError("ATTACH_OVERSIZE", "You have exceeded the maximum allowable size of attach")
    return kept


def _php_json(value: Any) -> str:
    """JSON as the messenger writes it: no spaces, "/" escaped, other letters as they are (observed in server source).

    A guess: we measure what was sent, the server what it made of it (with defaults added).
    """
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("/", "\\/")


def _is_block(block: Any) -> bool:
    return isinstance(block, Mapping) and bool(block) and {str(key).upper() for key in block} <= ATTACH_BLOCKS | ATTACH_SETTINGS


# Reading the feed


@method("im.notify.get", "im")
def notify_get(call: Call) -> dict[str, Any] | list[Any]:
    """A page of the caller's feed: confirmations first."""
    has_id, has_type = bool(call.params.get("LAST_ID")), bool(call.params.get("LAST_TYPE"))
    if has_id != has_type:
        raise RestError("LAST_ID_AND_LAST_TYPE", "Parameters LAST_ID and LAST_TYPE should be used together.")
    last_id = _last_id(call)
    person = call.caller.person
    everything = call.portal.store.of(person.id)
    if not everything:
        return [] if call.portal.empty_feed_is_list else {"notifications": [], "users": []}
    page = call.portal.store.page(person.id, last_id, call.params.integer("LAST_TYPE"), _limit(call))
    return {
        "total_count": len(everything),
        "total_unread_count": call.portal.store.unread(person.id),
        "chat_id": chat_id(person),
        **_shown(call, page),
    }


@method("im.notify.history.search", "im")
def history_search(call: Call) -> dict[str, Any]:
    """Search the caller's feed. A short text is an error when nothing else narrows the search."""
    params = call.params
    text = params.text("SEARCH_TEXT").strip()
    types = [str(kind) for kind in values(params.get("SEARCH_TYPES")) or []] or [params.text("SEARCH_TYPE")]
    dated = params.text("SEARCH_DATE") or (params.text("SEARCH_DATE_FROM") and params.text("SEARCH_DATE_TO"))
    if len(text) < SHORTEST_SEARCH and not any(types) and not values(params.get("SEARCH_AUTHORS")) and not dated:
        raise RestError("SEARCH_TEXT_ERROR", "SEARCH_TEXT can't be less then 3 symbols")
    last_id = _last_id(call)
    person = call.caller.person
    found = [item for item in call.portal.store.of(person.id) if _hits(call, item, text, types)]
    page = [item for item in found if last_id is None or item.id < last_id][: _limit(call)]
    first: dict[str, Any] = {"total_results": len(found)} if last_id is None else {}
    return {"chat_id": chat_id(person), **first, **_shown(call, page)}


@method("im.notify.schema.get", "im")
def schema_get(call: Call) -> dict[str, Any]:
    """Modules and their kinds of notifications."""
    return {
        module: {"NAME": name, "MODULE_ID": module, "LIST": [{"ID": f"{module}|{event}", "NAME": title} for event, title in events.items()]}
        for module, (name, events) in MODULES.items()
    }


def chat_id(person: Person) -> int:
    """The id of the person's notification chat."""
    return 70 + person.id


def item_fields(item: FeedItem, *, convert: bool = False) -> dict[str, Any]:
    """A notification as im.notify.get shows it; notify_buttons is JSON text and only there for confirmations."""
    fields: dict[str, Any] = {
        "id": item.id,
        "chat_id": 70 + item.recipient_id,
        "author_id": item.author_id,
        "date": datetime.fromtimestamp(item.created_at, UTC).isoformat(timespec="seconds"),
        "notify_type": item.notify_type,
        "notify_module": item.module,
        "notify_event": item.event,
        "notify_tag": item.tag,
        "notify_sub_tag": item.sub_tag,
        "notify_title": item.title,
        "setting_name": f"{item.module}|{item.event}",
        "text": converted(item.text) if convert else item.text,
        "notify_read": "Y" if item.read else "N",
    }
    if item.buttons:
        fields["notify_buttons"] = json.dumps([_button(item, button) for button in item.buttons], ensure_ascii=False)
    return {**fields, "params": _item_params(item)}


def _button(item: FeedItem, button: Any) -> dict[str, Any]:
    return {
        "BOT_ID": 0,
        "TYPE": "BUTTON",
        "BLOCK": "Y",
        "TEXT": button.text,
        "COMMAND": "notifyConfirm",
        "COMMAND_PARAMS": f"{item.id}|{button.value}",
        "BG_COLOR": button.background,
        "TEXT_COLOR": button.color,
        "DISPLAY": "LINE",
    }


def _item_params(item: FeedItem) -> dict[str, Any] | None:
    params: dict[str, Any] = {}
    if item.attach is not None:
        params["ATTACH"] = item.attach if isinstance(item.attach, list) else [item.attach]
    if item.answerable:
        params["CAN_ANSWER"] = "Y"
    return params or None


def converted(text: str) -> str:
    """Text with its line ends and the commonest BB codes as HTML (CONVERT_TEXT=Y; how much is converted is a guess)."""
    shown = html.escape(text, quote=False).replace("\n", "<br />")
    shown = re.sub(r"\[(/?)([BIUS])\]", lambda tag: f"<{tag[1]}{tag[2].lower()}>", shown, flags=re.IGNORECASE)
    return re.sub(r"\[URL=([^\]]+)\](.*?)\[/URL\]", r'<a href="\1" target="_blank">\2</a>', shown, flags=re.IGNORECASE)


def user_card(portal: Portal, person: Person) -> dict[str, Any]:
    """An author as the `users` list shows it.

    A picture's address may be a path of the portal, and for none that of an empty file (observed in the messenger's own clients, which
    read both; that it is older portals that do so is a guess).
    """
    avatar = person.photo or (BLANK_AVATAR if portal.old_answers else "")
    return {
        "id": person.id,
        "active": person.active,
        "name": person.full_name,
        "first_name": person.name,
        "last_name": person.last_name,
        "work_position": person.position,
        "color": "#1eb4aa",
        "avatar": avatar,
        "avatar_hr": avatar,
        "gender": person.gender,
        "birthday": "",
        "extranet": person.external,
        "network": False,
        "bot": False,
        "connector": False,
        "external_auth_id": "default",
        "status": "online",
        "idle": False,
        "last_activity_date": person.registered.isoformat(),
        "mobile_last_date": False,
        "desktop_last_date": False,
        "absent": False,
        "departments": list(person.departments),
        "phones": False,
        "bot_data": None,
        "type": "extranet" if person.external else "user",
        "website": "",
        "email": person.email,
    }


def _shown(call: Call, page: Iterable[FeedItem]) -> dict[str, Any]:
    items = list(page)
    authors = dict.fromkeys(item.author_id for item in items if item.author_id in call.portal.people)
    convert = call.params.text("CONVERT_TEXT").upper() == "Y"
    return {
        "notifications": [item_fields(item, convert=convert) for item in items],
        "users": [user_card(call.portal, call.portal.people[author]) for author in authors],
    }


def _last_id(call: Call) -> int | None:
    given = call.params.get("LAST_ID")
    if not given:
        return None
    if not str(given).isdecimal():
        raise RestError("LAST_ID_STRING", "Last notification ID can't be string")
    return int(given)


def _limit(call: Call) -> int:
    given = call.params.integer("LIMIT")
    return min(given, PAGE) if given > 0 else PAGE


def _hits(call: Call, item: FeedItem, text: str, types: list[str]) -> bool:
    params = call.params
    authors = [intval(author) for author in values(params.get("SEARCH_AUTHORS")) or []]
    group = params.text("GROUP_TAG")
    kinds = {item.module, f"{item.module}|{item.event}"}
    return (
        text.casefold() in f"{item.title} {item.text}".casefold()
        and (not any(types) or bool(kinds.intersection(types)))
        and (not authors or item.author_id in authors)
        and group in ("", item.sub_tag, item.tag)
        and _in_time(call, item)
    )


def _in_time(call: Call, item: FeedItem) -> bool:
    day = datetime.fromtimestamp(item.created_at, UTC).date()
    exact, first, last = (_date(call, key) for key in ("SEARCH_DATE", "SEARCH_DATE_FROM", "SEARCH_DATE_TO"))
    if exact is not None and day != exact.astimezone(UTC).date():
        return False
    if first is None or last is None:
        return True
    return first.timestamp() <= item.created_at <= last.timestamp()


def _date(call: Call, key: str) -> datetime | None:
    try:
        return datetime.fromisoformat(call.params.text(key))
    except ValueError:
        return None


# Acting on the feed


@method("im.notify.read", "im")
def read(call: Call) -> bool:
    """Mark one (ONLY_CURRENT=Y) or that one and all newer."""
    person, item_id = call.caller.person, call.params.integer("ID")
    as_read = _as_read(call)
    if truthy(call.params.get("ONLY_CURRENT")):
        call.portal.store.mark(person.id, [item_id], read=as_read)
    else:
        call.portal.store.mark_from(person.id, item_id, read=as_read)
    return True


@method("im.notify.read.list", "im")
def read_list(call: Call) -> bool:
    """Mark the IDS up to the first that is no positive number."""
    given = values(call.params.get("IDS"))
    if given is None:
        raise RestError("PARAMS_ERROR", "No IDS param or it is not an array")
    ids = [intval(one) for one in given]
    stop = next((index for index, one in enumerate(ids) if one <= 0), len(ids))
    call.portal.store.mark(call.caller.person.id, ids[:stop], read=_as_read(call))
    return True


@method("im.notify.read.all", "im")
def read_all(call: Call) -> dict[str, Any] | bool:
    """Mark everything but confirmations as read; older portals answer only true."""
    person = call.caller.person
    call.portal.store.mark_all_read(person.id)
    return True if call.portal.old_answers else {"result": True, "newCounter": call.portal.store.unread(person.id)}


@method("im.notify.answer", "im")
def answer(call: Call) -> dict[str, Any]:
    """Answer a notification that takes answers."""
    item_id = _item_id(call)
    text = call.params.text("ANSWER_TEXT")
    if not text or text == "0":
        raise RestError("ANSWER_TEXT_ERROR", "ANSWER_TEXT can't be empty")
    return _message(call.portal.store.answer(call.caller.person.id, item_id, text))


@method("im.notify.confirm", "im")
def confirm(call: Call) -> dict[str, Any]:
    """Press a confirmation's button. "0" counts as empty, as in PHP."""
    item_id = _item_id(call)
    value = call.params.text("NOTIFY_VALUE")
    if not value or value == "0":
        raise RestError("NOTIFY_VALUE_ERROR", "Notification Value can't be empty")
    return _message(call.portal.store.confirm(call.caller.person.id, item_id, value))


@method("im.notify.delete", "im")
def delete(call: Call) -> bool:
    """By ID from the caller's feed, else by TAG, else by SUB_TAG from everyone's."""
    params, store = call.params, call.portal.store
    if params.integer("ID") > 0:
        return store.delete(call.caller.person.id, params.integer("ID"))
    _refuse_session(call)
    client_id = _client_id(call)
    if not client_id:
        raise RestError("ACCESS_DENIED", "Access denied! Client ID not specified", 403)
    if tag := params.text("TAG"):
        store.delete_tag(namespaced(client_id, tag))
    elif sub_tag := params.text("SUB_TAG"):
        store.delete_sub_tag(namespaced(client_id, sub_tag))
    else:
        raise RestError("PARAMS_ERROR", "Incorrect params")
    return True


def _as_read(call: Call) -> bool:
    return call.params.text("ACTION").upper() != "N"


def _item_id(call: Call) -> int:
    item_id = call.params.integer("NOTIFY_ID") or call.params.integer("ID")
    if item_id <= 0:
        raise RestError("ID_ERROR", "Notification ID can't be empty")
    return item_id


def _message(said: str | None) -> dict[str, Any]:
    return {"result_message": [said] if said is not None else False}
