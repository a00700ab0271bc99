"""Parts that go wrong in every way, run as `benchmarks.gpu_parts` runs its own: NAME FILE."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path


def main() -> None:
    name, file = sys.argv[1], Path(sys.argv[2])
    if name == "passes":
        file.write_text(json.dumps({"differs": [], "inner": {"differs": []}}))
    elif name == "sees":
        file.write_text(json.dumps({"seen": list(json.loads(Path(os.environ["SEEN"]).read_text())["parts"])}))
    elif name == "differs":
        file.write_text(json.dumps({"one": {"differs": []}, "two": {"differs": ["score", "rank"]}}))
    elif name == "raises":
        file.write_text(json.dumps({"so_far": 3}))
        raise MemoryError("the device is full")
    elif name == "hangs":
        file.write_text(json.dumps({"so_far": 7}))
        sys.stdout.write("on the way\n")
        sys.stdout.flush()
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        Path(os.environ["SEEN"]).with_name("child").write_text(str(child.pid))
        time.sleep(600)
    elif name == "dies":
        os.abort()


if __name__ == "__main__":
    main()
