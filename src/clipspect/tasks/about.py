"""`clipspect doctor`, `info` and `cache`: what is here, what a model is, what is kept."""

from __future__ import annotations

import importlib.util
import os
import platform
from pathlib import Path
from typing import Any

from clipspect.encode import available
from clipspect.export.bundle import load_bundle
from clipspect.tasks import runs, wire
from clipspect.tasks.ui import Silent, Ui


def doctor(ui: Ui | None = None) -> dict[str, Any]:
    """Versions, devices, encoders that can be loaded here and why others cannot."""
    ui = ui or Silent()
    with wire.open_cache() as cache:
        info = cache.info()
    result: dict[str, Any] = {
        "versions": runs.versions(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "devices": _devices(),
        "encoders": [
            {"id": s.usage, "loadable": s.loadable, "reason": s.reason, "abilities": list(s.abilities)}
            for s in available()
        ],
        "cache": {"path": str(info.path), "entries": info.entries, "size_bytes": info.size_bytes},
        "offline": os.environ.get("HF_HUB_OFFLINE") == "1",
    }
    ui.say(", ".join(f"{k} {v}" for k, v in runs.versions().items()))
    ui.say(result["machine"])
    for device in result["devices"]:
        ui.say(f"device {device}")
    for encoder in result["encoders"]:
        state = "ready" if encoder["loadable"] else encoder["reason"]
        abilities = f" ({', '.join(encoder['abilities'])})" if encoder["abilities"] else ""
        ui.say(f"encoder {encoder['id']}{abilities}: {state}")
    ui.say(f"cache {info.path}: {info.entries} vectors, {info.size_bytes / 2**20:.1f} MiB")
    return result


def info(model: Path, ui: Ui | None = None) -> dict[str, Any]:
    """What a run folder or bundle holds."""
    ui = ui or Silent()
    bundle = load_bundle(model)
    result = {
        "clipspect": bundle.clipspect,
        "encoder": bundle.encoder,
        "encoder_id": bundle.encoder_id,
        "head": bundle.head,
        "views": list(bundle.views),
        "joint_view": bundle.joint_view,
        "temperature": bundle.temperature,
        "classes": [
            {"name": c.name, "object_type": c.object_type, "condition": c.condition} for c in bundle.taxonomy.classes
        ],
        "fitted_on": {
            "photos": len(bundle.fitted_on.photos),
            "objects": bundle.fitted_on.objects,
            "groups": list(bundle.fitted_on.groups),
            "data_hash": bundle.fitted_on.data_hash,
        },
        "metrics": dict(bundle.metrics),
    }
    ui.say(f"{bundle.head} head on {bundle.encoder} ({bundle.encoder_id}), by clipspect {bundle.clipspect}")
    ui.say(f"views: {', '.join(bundle.views) or '-'}; joint view: {bundle.joint_view or '-'}")
    ui.say(
        f"fitted on {bundle.fitted_on.objects} objects of {len(bundle.fitted_on.photos)} photos in "
        f"{len(bundle.fitted_on.groups)} groups"
    )
    for c in bundle.taxonomy.classes:
        ui.say(f"  {c.name!r}: {c.object_type}, {c.condition}")
    if bundle.metrics:
        accuracy = runs.interval_text(bundle.metrics["conditional"], "accuracy")
        ui.say(f"conditional accuracy {accuracy}, estimated out of fold")
    return result


def cache_info(ui: Ui | None = None) -> dict[str, Any]:
    """How much the feature cache holds, and where."""
    ui = ui or Silent()
    with wire.open_cache() as cache:
        info = cache.info()
    ui.say(f"{info.entries} vectors, {info.size_bytes / 2**20:.1f} MiB")
    ui.say(str(info.path))
    return {"path": str(info.path), "entries": info.entries, "size_bytes": info.size_bytes}


def cache_clear(ui: Ui | None = None) -> int:
    """Empty the feature cache; the number of vectors that went."""
    ui = ui or Silent()
    with wire.open_cache() as cache:
        removed = cache.clear()
        path = cache.info().path
    ui.say(f"removed {removed} vectors")
    ui.say(str(path))
    return removed


def _devices() -> list[str]:
    """Found without importing torch where that is possible; CUDA needs its driver's word."""
    devices = ["cpu"]
    if Path("/dev/nvidia0").exists() or Path("/proc/driver/nvidia/version").exists():
        devices.append("cuda (driver found)" if importlib.util.find_spec("torch") else "cuda (install torch to use it)")
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        devices.append("mps")
    return devices
