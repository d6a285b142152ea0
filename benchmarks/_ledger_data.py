"""A company's ledger in a database of its own: what benchmarks/ledger.py measures pages on. Everything here is invented."""

# ruff: noqa: E501, SIM905 - word lists, and SQL as it reads best.

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import connection
from django.utils import timezone

from b24app.models import Portal, PortalUser, Sender
from notifications import bbcode
from notifications.models import Dispatch

PEOPLE = 20_000
"""Of each company: whom its ledger tells of, not how long it is."""

FIRST = "Anna Boris Clara Dmitri Elena Farid Greta Hugo Irina Jonas Karin Leonid".split()
LAST = "Abelev Brandt Cherny Dorn Egorov Falk Gromov Hansen Isaev Jansen Kovalev Lind Moroz Nagel Orlov Petrov Reich Sokolov Timm Volkov".split()
WORDS = (
    "order invoice meeting please approve until Friday contract delivery report new version office holiday schedule vacation request "
    "payment received customer call back today warehouse training safety survey reminder update server maintenance tonight lunch "
    "документ согласовать договор заявка отпуск совещание отчёт поставка оплата клиент сегодня завтра график обучение склад"
).split()
COMMON, RARE, NOBODYS, CYRILLIC = "approve", "zeppelin", "quixotry", "Договор"
RARE_TIMES = 3

ORDER, NOTICE, TO_ALL = "order", "notice", "to-all"
"""TAGs: reused by thousands of dispatches, by hundreds, and of one dispatch to everybody."""

SUB_TAGS = [f"process-{number}" for number in range(120)]

DISPATCH_COLUMNS = (
    "portal_id sender_id author_id state key type message message_out tag sub_tag search_text audience total left_out error_code taking_back "
    "taking_back_after change is_stale created_at started_at finished_at"
).split()


@dataclass(frozen=True)
class Company:
    """One portal with its ledger: an admin who sees all of it, and an ordinary person who is often written to."""

    portal: Portal
    admin: PortalUser
    person: PortalUser
    rows: int


def company(name: str, sizes: Sequence[int], seed: int, every: int) -> Company:
    """Write a portal with PEOPLE people and one dispatch of each of the sizes, in random order, over the last year.

    The first recipient of every `every`-th dispatch is the person whose notifications are looked for.
    """
    dice = random.Random(seed)
    portal = Portal.objects.create(
        member_id=name, domain=f"{name}.example", client_endpoint=f"https://{name}.example/rest/", oauth_server="https://oauth.example",
        client_id="app.benchmark", scope="im,user", state=Portal.State.ACTIVE,
    )  # fmt: skip
    sender = Sender.objects.create(portal=portal, kind=Sender.Kind.APP, name="App", client_id="app.benchmark")
    people = PortalUser.objects.bulk_create(_people(portal, dice), batch_size=2000)
    _copy(Dispatch, DISPATCH_COLUMNS, _dispatches(portal, sender, people, sizes, dice))
    _write_rows(portal, people, every)
    return Company(portal, people[0], people[1], sum(sizes))


def index_and_count(companies: Iterable[Company]) -> None:
    """What the app and the database do by themselves in the course of a day: counts of groups, statistics."""
    for each in companies:
        _count(each.portal)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _people(portal: Portal, dice: random.Random) -> Iterator[PortalUser]:
    for number in range(1, PEOPLE + 1):
        # Nobody else has the name of the one whose notifications are looked for.
        name = "Wilhelmina Xaver" if number == 2 else f"{dice.choice(FIRST)} {dice.choice(LAST)}"
        yield PortalUser(portal=portal, user_id=number, name=name, is_admin=number == 1, photo=f"https://{portal.domain}/{number}.png")


def _dispatches(
    portal: Portal, sender: Sender, people: Sequence[PortalUser], sizes: Sequence[int], dice: random.Random
) -> Iterator[tuple[object, ...]]:
    sizes = list(sizes)
    dice.shuffle(sizes)
    authors = [people[0], *people[2:40]]
    end = timezone.now()
    rare = set(dice.sample([number for number, size in enumerate(sizes) if size == 1], RARE_TIMES))
    largest = sizes.index(max(sizes))
    for number, size in enumerate(sizes):
        created = end - timedelta(days=365) * (1 - (number + 1) / (len(sizes) + 1))
        message = " ".join(dice.choices(WORDS, k=dice.randint(8, 40)))
        # What is looked for fills a page of the small ledger too, so that both show the same number of rows.
        message = f"{message} {COMMON} {CYRILLIC}" if number % 4 == 0 else message
        message = f"[b]{message}[/b] {RARE}" if number in rare else message
        tag = TO_ALL if number == largest else ORDER if size >= 100 else _tag(number, dice)
        sub_tag = SUB_TAGS[0] if size >= 100 else dice.choice(SUB_TAGS) if dice.random() < 0.9 else ""
        text = "\n".join((bbcode.plain(message), tag, sub_tag)).casefold()
        key = UUID(int=dice.getrandbits(128))
        yield (
            portal.pk, sender.pk, dice.choice(authors).pk, "done", key, "personal", message, "", tag, sub_tag, text, "{}", size, "{}", "", "",
            0, 1, True, created, created, created + timedelta(minutes=1),
        )  # fmt: skip


def _tag(number: int, dice: random.Random) -> str:
    kind = dice.random()
    if kind < 0.4:
        return ORDER
    if kind < 0.5:
        return f"{NOTICE}-{dice.randint(1, 200)}"
    return f"case-{number}" if kind < 0.9 else ""


def _copy(model: type[Dispatch], columns: Sequence[str], lines: Iterable[tuple[object, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {model._meta.db_table} ({', '.join(columns)}) FROM STDIN") as copy:
        for line in lines:
            copy.write_row(line)


# Recipients of a dispatch are consecutive people from a place that differs from dispatch to dispatch. What is older than 60 days has expired, and of the rest every state has its share.
_ROWS = """
INSERT INTO notifications_notification (portal_id, sender_id, dispatch_id, author_id, recipient_id, type, tag, sub_tag, wire_tag,
    wire_sub_tag, portal_notification_id, state, attempts, error_code, created_at, sent_at, closed_at)
SELECT portal_id, sender_id, id, author_id, recipient, type, tag, sub_tag, tag || '|' || recipient, coalesce(nullif(sub_tag, ''), tag),
    id * 100000 + number, outcome, 1, CASE outcome WHEN 'failed' THEN 'RECIPIENT_UNAVAILABLE' ELSE '' END, created_at,
    CASE outcome WHEN 'failed' THEN NULL ELSE created_at END, CASE outcome WHEN 'sent' THEN NULL ELSE created_at END
FROM (
    SELECT d.*, number,
        CASE WHEN number = 0 AND d.id %% %(every)s = 0 THEN %(person)s ELSE %(first)s + (d.id * 7919 + number) %% %(people)s END AS recipient,
        CASE WHEN (d.id + number) %% 200 = 0 THEN 'failed' WHEN (d.id + number) %% 5 = 1 THEN 'deleted'
            WHEN (d.id + number) %% 13 = 0 THEN 'confirmed' WHEN (d.id + number) %% 7 = 0 THEN 'replaced'
            WHEN d.created_at < now() - interval '60 days' THEN 'expired' ELSE 'sent' END AS outcome
    FROM notifications_dispatch d, generate_series(0, d.total - 1) AS number WHERE d.portal_id = %(portal)s
) AS rows ORDER BY id, number
"""


def _write_rows(portal: Portal, people: Sequence[PortalUser], every: int) -> None:
    values = {"every": every, "portal": portal.pk, "person": people[1].pk, "first": people[2].pk, "people": len(people) - 2}
    with connection.cursor() as cursor:
        # The indexes are written at the end: in this order it takes a fraction of the time.
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'notifications_notification' AND indexname LIKE 'ledger%%'"
        )
        indexes = cursor.fetchall()
        for name, _definition in indexes:
            cursor.execute(f"DROP INDEX {name}")
        cursor.execute(_ROWS, values)
        for _name, definition in indexes:
            cursor.execute(definition)


# What notifications.counts comes to dispatch by dispatch; how often a group was sent is taken from its commonest state, which is near enough.
_COUNTS = """
INSERT INTO notifications_dispatchcount (dispatch_id, state, number)
SELECT dispatch_id, state, count(*) FROM notifications_notification WHERE portal_id = %(portal)s GROUP BY 1, 2;
INSERT INTO notifications_taggroup (portal_id, sender_id, by, value, latest_id, dispatches, counts)
SELECT portal_id, sender_id, by, value, max(latest), max(dispatches), jsonb_object_agg(state, number) FROM (
    SELECT d.portal_id, d.sender_id, by, value, max(d.id) AS latest, count(*) AS dispatches, c.state, sum(c.number) AS number
    FROM notifications_dispatch d JOIN notifications_dispatchcount c ON c.dispatch_id = d.id
    CROSS JOIN LATERAL (VALUES ('tag', d.tag), ('sub_tag', d.sub_tag)) AS groups (by, value)
    WHERE d.portal_id = %(portal)s AND value <> ''
    GROUP BY d.portal_id, d.sender_id, by, value, c.state
) AS by_state GROUP BY portal_id, sender_id, by, value;
UPDATE notifications_dispatch SET counted_change = change, is_stale = false WHERE portal_id = %(portal)s;
"""


def _count(portal: Portal) -> None:
    with connection.cursor() as cursor:
        for statement in _COUNTS.strip().split(";\n"):
            cursor.execute(statement.rstrip(";\n"), {"portal": portal.pk})
