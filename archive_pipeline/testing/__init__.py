"""What authors of plugins test with: no network, no archive, no pytest needed at run time.

`replay` is a fetch context that answers from bytes and files, `replay_warc` one that answers from a recording. The
contract suites are plain classes that pytest collects when a subclass is named `Test…`; the core's own parts pass the
same suites:

    class TestMyFetcher(FetcherContract):
        subject = MyFetcher()
        source = Source(id="probe", url="https://presse.example", options=MyOptions())
        answers = {"https://presse.example/list.json": Path("fixtures/list.json")}

    class TestMyRules(RulesContract):
        folder = Path(__file__).parent

    class TestMyEngine(IndexEngineContract):
        subject = MyEngine()
"""

from archive_pipeline.testing.index_engines import IndexEngineContract
from archive_pipeline.testing.isolation import no_network
from archive_pipeline.testing.material import BODIES, RELEASE, Answer, Reply, captured, page_of
from archive_pipeline.testing.replaying import ReplayContext, replay, replay_warc
from archive_pipeline.testing.sources import RulesContract, SourceContract
from archive_pipeline.testing.suites import ClassifierContract, CleanerContract, FetcherContract

__all__ = [
    "BODIES",
    "RELEASE",
    "Answer",
    "ClassifierContract",
    "CleanerContract",
    "FetcherContract",
    "IndexEngineContract",
    "ReplayContext",
    "Reply",
    "RulesContract",
    "SourceContract",
    "captured",
    "no_network",
    "page_of",
    "replay",
    "replay_warc",
]
