"""A lifelike feed for the demo."""

from devportal.feed import FROM_USER, SYSTEM
from devportal.world import Person, Portal

MINUTE, HOUR, DAY = 60, 3600, 86400
RECIPIENTS = 12


def fill(portal: Portal) -> None:
    """Give the first people of a portal what a working day brings: invitations, meetings, mentions, tasks."""
    for person in list(portal.people.values())[:RECIPIENTS]:
        _everyday(portal, person)
        portal.place_confirmation(person, kind="group")
        portal.place_confirmation(person, kind="calendar")


def _everyday(portal: Portal, person: Person) -> None:
    colleague = portal.people[person.id % RECIPIENTS + 1]
    now = portal.world.clock.now()
    with portal.world.lock:
        portal.store.add(
            person.id, author_id=0, notify_type=SYSTEM, module="tasks", event="task_update", created_at=now - 2 * DAY, read=True,
            text="The task [B]Order lamp oil[/B] is due tomorrow.", tag=f"TASKS|TASK|318|{person.id}",
        )  # fmt: skip
        portal.store.add(
            person.id, author_id=colleague.id, notify_type=FROM_USER, module="tasks", event="comment", created_at=now - 3 * HOUR,
            text="Added a comment to the task [B]Winter catalogue[/B]: the pictures are ready.", tag=f"TASKS|COMMENT|402|{person.id}",
            answerable=True,
        )  # fmt: skip
        portal.store.add(
            person.id, author_id=colleague.id, notify_type=FROM_USER, module="im", event="mention", created_at=now - 25 * MINUTE,
            text=f"Mentioned you in the chat [B]{portal.company}[/B]: could you have a look, please?", tag=f"IM|MENTION|77|{person.id}",
        )  # fmt: skip
