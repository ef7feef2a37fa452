"""What the OpenAPI document promises is what the API does: asked by schemathesis with requests it makes up."""

import shutil
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from archive_pipeline.web.api import ENDPOINTS
from archive_pipeline.web.api_declaring import Endpoint
from archive_pipeline.web.app import create_app
from archive_pipeline.workspace import open_workspace

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]


@pytest.fixture(scope="session")
def described(built: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The document of a server that nobody has to log in to, read from the server. Its archive is a copy: what is asked
    for may keep searches, freeze sets and open cases."""
    folder = tmp_path_factory.mktemp("vertrag") / "archiv"
    shutil.copytree(built.folder, folder)
    app = create_app(open_workspace(folder), hosts=("*",))
    return schemathesis.openapi.from_asgi("/api/v1/openapi.json", app)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: one.name)
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda one: one.value)
def test_the_api_keeps_its_word(described: Any, endpoint: Endpoint, mode: GenerationMode) -> None:
    operation = described[f"/api/v1{endpoint.path}"][endpoint.method]

    @settings(max_examples=6, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(operation.as_strategy(generation_mode=mode))
    def ask(case: Case) -> None:
        case.call_and_validate(checks=CHECKS)

    ask()
