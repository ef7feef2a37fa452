"""One run over the farm, to be killed: python run_farm.py FOLDER PORT TLS_PORT LARGEST_FILE."""

import resource
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from archive_pipeline.pipeline import Connections, run
from archive_pipeline.workspace import open_workspace
from tests.farm.site_farm import Farm
from tests.farm.sites import every_site

folder, port, tls_port, largest_file = sys.argv[1:]
if int(largest_file):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(largest_file), int(largest_file)))
farm = Farm({80: int(port), 443: int(tls_port)})
every_site(farm)
workspace = open_workspace(Path(folder))
run(workspace, workspace.config.sources, connections=Connections(resolve=farm.resolve, network=farm))
