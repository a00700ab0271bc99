"""Runs the kernel of multiplications and additions once, in CUDA's simulator, and prints what it made of what."""

import json

from resources.gpu_profile.limits import device_limits
from resources.gpu_profile.multiply_add import multiply_add
from resources.gpu_profile.target import find_target

if __name__ == "__main__":
    work = multiply_add(simulated=True)
    before = work.values.copy_to_host().tolist()
    work.call()
    target = find_target()
    found = {
        "before": before,
        "after": work.values.copy_to_host().tolist(),
        "threads": work.threads,
        "steps": work.steps,
        "headline": target.headline,
        "backends": target.backends,
        "on_gpu": target.on_gpu,
        "limits": [limit.name for limit in device_limits(target, 1024, 4)],
    }
    print(json.dumps(found))  # noqa: T201
