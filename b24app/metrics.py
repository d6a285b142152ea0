"""GET /metrics in Prometheus' text format, for the networks that METRICS_ALLOW names; nobody else learns that it exists.

The figures are read from the database and the queue when they are asked for: right however many processes there are, and asked of
whichever. None costs more than a look at what is under way, so that a large ledger makes no difference. The upper floor adds its own.
"""

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_1_0_0
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from b24app.models import Bucket, CallLog, MethodPause, Portal, PortalUser
from b24app.networks import client_address, is_within
from b24app.rest import budget
from b24app.rest.errors import RULES

logger = logging.getLogger(__name__)

Source = Callable[[], Iterable[Metric]]

RECENT = timedelta(minutes=5)
# Buckets below this are no news, and a series for each of thousands of portals would be.
_WORTH_SHOWING = 0.5

_sources: dict[str, Source] = {}


def add(name: str, source: Source) -> None:
    """Let `source` be asked at each scrape. One that fails leaves out its own figures only: `metrics_source_up{source=name}` is 0 then."""
    _sources[name] = source


def gauge(name: str, help_text: str, value: float) -> Metric:
    """A figure without labels."""
    return GaugeMetricFamily(name, help_text, value=value)


def gauges(name: str, help_text: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    """A figure per combination of labels."""
    family = GaugeMetricFamily(name, help_text, labels=labels)
    for of, value in values:
        family.add_metric(of, value)
    return family


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """All figures; 404 for whoever asks from elsewhere than METRICS_ALLOW."""
    if not _is_allowed(request):
        raise Http404
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Everything())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_1_0_0)


class _Everything(Collector):
    """Asks every source. Made per scrape: nothing is kept between two."""

    def collect(self) -> Iterator[Metric]:
        up = []
        for name, source in _sources.items():
            try:
                # A list, so that a source which fails half-way tells nothing rather than half.
                yield from list(source())
            except Exception as error:
                # The type only: texts of drivers name hosts, users and files.
                logger.error("No figures of %s: %s", name, type(error).__name__)
                up.append(((name,), 0.0))
            else:
                up.append(((name,), 1.0))
        yield gauges("metrics_source_up", "Whether the figures of this source could be read", ("source",), up)


def _is_allowed(request: HttpRequest) -> bool:
    client = client_address(request, settings.TRUSTED_PROXIES)
    return client is not None and is_within(client, settings.METRICS_ALLOW)


def _portals() -> Iterator[Metric]:
    counted = dict(Portal.objects.values_list("state").annotate(Count("pk")))
    yield gauges("b24_portals", "Portals by state", ("state",), [((str(state),), counted.get(state, 0)) for state in Portal.State.values])
    usable = PortalUser.objects.filter(portal=OuterRef("pk"), is_admin=True, token_state=PortalUser.TokenState.VALID)
    lost = Portal.objects.filter(~Exists(usable), state=Portal.State.ACTIVE).count()
    yield gauge("b24_portals_without_admin_token", "Active portals that nothing can be done for until an administrator opens the app", lost)


def _tokens() -> Iterator[Metric]:
    held = (PortalUser.TokenState.VALID, PortalUser.TokenState.DEAD)
    counted = PortalUser.objects.filter(token_state__in=held).values_list("token_state", "is_admin").annotate(Count("pk"))
    values = [((str(state), "yes" if admin else "no"), float(number)) for state, admin, number in counted]
    yield gauges("b24_tokens", "Persons' tokens by state; dead ones wait for the person to open the app", ("state", "admin"), values)


def _calls() -> Iterator[Metric]:
    recent = CallLog.objects.filter(created_at__gte=timezone.now() - RECENT)
    numbers: dict[tuple[str, ...], float] = {}
    seconds: dict[tuple[str, ...], float] = {}
    for method, code, number, spent in recent.values_list("method", "code").annotate(Count("pk"), Sum("milliseconds")):
        # A portal may answer any code: only the known ones become labels.
        key = (method, code if code == "" or code in RULES else "OTHER")
        numbers[key] = numbers.get(key, 0) + number
        seconds[method,] = seconds.get((method,), 0) + spent / 1000
    yield gauges("b24_calls_recent", "REST calls of the last five minutes; code is empty for success", ("method", "code"), numbers.items())
    yield gauges("b24_calls_recent_seconds", "Time spent in REST calls of the last five minutes", ("method",), seconds.items())


def _budgets() -> Iterator[Metric]:
    fills = {str(bucket.portal_id): _fill(bucket) for bucket in _moving_buckets()}
    yield gauge("b24_bucket_fill_highest", "How full the fullest request bucket is, 0 to 1", max(fills.values(), default=0))
    shown = [((portal,), fill) for portal, fill in fills.items() if fill >= _WORTH_SHOWING]
    yield gauges("b24_bucket_fill", "Request buckets that are at least half full, by the portal's number", ("portal",), shown)
    paused = MethodPause.objects.filter(until__gt=timezone.now()).values_list("method").annotate(Count("pk"))
    yield gauges("b24_methods_paused", "On how many portals a method's time is used up", ("method",), [((m,), n) for m, n in paused])


def _moving_buckets() -> Iterable[Bucket]:
    """Those that may not be empty by now; slower than the usual drain of 2 per second is only what somebody has set so."""
    since = budget.now() - RECENT.total_seconds()
    return Bucket.objects.exclude(counted=False).filter(measured_at__gte=since).select_related("portal")


def _fill(bucket: Bucket) -> float:
    return budget.level(bucket) / budget.limits(bucket.portal).capacity


def _queue() -> Iterator[Metric]:
    storage = settings.HUEY.storage
    sizes = [(("waiting",), float(storage.queue_size())), (("scheduled",), float(storage.schedule_size()))]
    yield gauges("queue_tasks", "Background tasks that wait for a worker, or for their time", ("state",), sizes)


def _process() -> Iterator[Metric]:
    """Figures of the process that happens to answer, told apart by its number."""
    pid = {"pid": str(os.getpid())}
    for metric in ProcessCollector(registry=None).collect():
        metric.samples = [sample._replace(labels=pid) for sample in metric.samples]
        yield metric


for _name, _source in {
    "portals": _portals,
    "tokens": _tokens,
    "calls": _calls,
    "budgets": _budgets,
    "queue": _queue,
    "process": _process,
}.items():
    add(_name, _source)
