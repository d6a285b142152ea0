"""The people of a portal read in bulk: by conditions, by ids, by e-mail addresses; fifty a command and fifty commands a request.

A list is read by ranges of ids, not by page numbers: whoever comes or goes meanwhile moves nobody past the reader. A range of fifty ids
holds one page at most. Where ids are sparse (Open Channels give one to every visitor, and user.get does not list those), ranges are as
wide as the count of people in them suggests, and what a full page leaves over is read in narrower ones.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar, cast

from b24app.rest.calls import Call
from b24app.rest.client import LARGEST_BATCH, PortalClient
from b24app.rest.errors import Policy, RestError
from notifications import people
from notifications.people import PAGE, Page, Person

T = TypeVar("T")
Conditions = Mapping[str, Any]

EMAILS_A_COMMAND = 25
"""An address is asked for in up to two spellings, and a filter's values shall not bring more than one page."""


@dataclass(frozen=True, slots=True)
class _Range:
    """The people who fit `conditions` and have an id from `low` on and below `high`."""

    conditions: Conditions
    low: int
    high: int

    @property
    def fits_a_page(self) -> bool:
        return self.high - self.low <= PAGE

    def call(self, also: Sequence[str]) -> Call[Page]:
        """The first page of the range."""
        within = {**self.conditions, ">=ID": self.low, "<ID": self.high}
        return people.page(within, *also, counted=not self.fits_a_page)

    def split(self, left: int) -> Iterator["_Range"]:
        """Ranges that together are this one, for `left` people in it: wide enough for four fifths of a page each."""
        width = max(PAGE, (self.high - self.low) * PAGE * 4 // (left * 5))
        return (_Range(self.conditions, low, min(low + width, self.high)) for low in range(self.low, self.high, width))


def matching(client: PortalClient, conditions: Sequence[Conditions], *also: str) -> Iterator[Sequence[Person]]:
    """Everybody who fits one of the conditions, request by request; who fits several may come several times. `also` as in people.page.

    The newest come first, with one request for up to 50 conditions; they tell how far the ids reach. Raises RestError.
    """
    waiting: list[Iterator[_Range]] = []
    newest = _pages(client, (people.page(each, *also, newest_first=True) for each in conditions))
    for at, found in enumerate(newest):
        waiting.extend(_older(conditions[at], found))
        yield found.people
    while ranges := list(islice(_taken(waiting), LARGEST_BATCH)):
        for each, found in zip(ranges, _pages(client, (each.call(also) for each in ranges)), strict=True):
            waiting.extend(_left_over(each, found))
            yield found.people


def by_ids(client: PortalClient, ids: Sequence[int], *also: str) -> Iterator[Sequence[Person]]:
    """Those of the ids whom the caller may see, request by request. Raises RestError."""
    for found in _pages(client, (people.page({"ID": list(each)}, *also, counted=False) for each in _pieces(ids, PAGE))):
        yield found.people


def by_emails(client: PortalClient, emails: Sequence[str], *also: str) -> Iterator[Sequence[Person]]:
    """People with one of these addresses, in whatever letters, request by request. Raises RestError.

    Whether the portal's filter minds upper case is not documented: an address is asked for as typed and in lower case. A portal that
    does not let the app see addresses answers as if nothing had been asked (page user/user-scope), so the answer is checked.
    """
    wanted = {email.casefold() for email in emails}
    calls = (_with_emails(each, also) for each in _pieces(emails, EMAILS_A_COMMAND))
    for found in _pages(client, calls):
        yield [person for person in found.people if person.email in wanted]


def counts(client: PortalClient, conditions: Sequence[Conditions]) -> list[int]:
    """How many people fit each of the conditions; 0 where the portal does not say. Raises RestError."""
    return [found.total or 0 for found in _pages(client, (people.page(each) for each in conditions))]


def _with_emails(emails: Sequence[str], also: Sequence[str]) -> Call[Page]:
    spellings = dict.fromkeys(spelling for email in emails for spelling in (email, email.lower()))
    return people.page({"EMAIL": list(spellings)}, "EMAIL", *also, counted=False)


def _pages(client: PortalClient, calls: Iterable[Call[T]]) -> Iterator[T]:
    """What the calls come to, in their order, 50 to a request; one that failed for a passing reason is made once more by itself."""
    for together in _pieces(calls, LARGEST_BATCH):
        outcomes = client.run_batch({str(number): call for number, call in enumerate(together)})
        for call, outcome in zip(together, outcomes.values(), strict=True):
            if outcome.error is None:
                yield cast(T, outcome.value)
            elif outcome.error.policy is Policy.RETRY_LATER:
                yield client.run(call)
            else:
                raise outcome.error


def _older(conditions: Conditions, newest: Page) -> Iterator[Iterator[_Range]]:
    """What is still to be read after the newest fifty."""
    if len(newest.people) >= PAGE:
        lowest = min(person.id for person in newest.people)
        yield _Range(conditions, 1, lowest).split(_left(newest))


def _left_over(read: _Range, found: Page) -> Iterator[Iterator[_Range]]:
    """What is still to be read of a range after its first page."""
    if len(found.people) < PAGE:
        return
    if not all(read.low <= person.id < read.high for person in found.people):
        raise RestError("BAD_ANSWER", "The people are not those that were asked for.")
    following = max(person.id for person in found.people) + 1
    if following < read.high:
        yield _Range(read.conditions, following, read.high).split(_left(found))


def _left(found: Page) -> int:
    """How many people a full page leaves over; at least one, for the sake of a portal that does not count."""
    return max(1, (found.total or 2 * PAGE) - PAGE)


def _taken(waiting: list[Iterator[_Range]]) -> Iterator[_Range]:
    """The waiting ranges; none is made before it is needed, however many there are."""
    while waiting:
        for each in waiting[-1]:
            yield each
            break
        else:
            waiting.pop()


def _pieces(items: Iterable[T], size: int) -> Iterator[list[T]]:
    source = iter(items)
    while piece := list(islice(source, size)):
        yield piece
