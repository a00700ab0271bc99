"""Tiny checkpoints of Chronos-2 and Chronos-Bolt with random weights."""

from __future__ import annotations

from pathlib import Path


def save_chronos_2(folder: Path) -> None:
    """It takes 96 values and forecasts 32 steps."""
    from chronos.chronos2 import Chronos2Model
    from chronos.chronos2.config import Chronos2CoreConfig

    shape = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}
    settings = {
        "context_length": 96,
        "output_patch_size": 16,
        "input_patch_size": 16,
        "input_patch_stride": 16,
        "quantiles": [0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99],
        "use_reg_token": True,
        "use_arcsinh": True,
        "max_output_patches": 2,
        "time_encoding_scale": 96,
    }
    Chronos2Model(
        Chronos2CoreConfig(
            **shape,
            reg_token_id=1,
            chronos_config=settings,
            chronos_pipeline_class="Chronos2Pipeline",
            architectures=["Chronos2Model"],
        )
    ).save_pretrained(folder)


def save_chronos_bolt(folder: Path, prediction_length: int = 24) -> None:
    """It takes 96 values."""
    from chronos.chronos_bolt import ChronosBoltModelForForecasting
    from transformers import T5Config

    settings = {
        "context_length": 96,
        "prediction_length": prediction_length,
        "input_patch_size": 16,
        "input_patch_stride": 16,
        "quantiles": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9],
        "use_reg_token": True,
    }
    config = T5Config(
        d_model=16,
        d_kv=8,
        d_ff=32,
        num_layers=1,
        num_decoder_layers=1,
        num_heads=2,
        decoder_start_token_id=0,
        pad_token_id=0,
        chronos_config=settings,
        chronos_pipeline_class="ChronosBoltPipeline",
        architectures=["ChronosBoltModelForForecasting"],
    )
    ChronosBoltModelForForecasting(config).save_pretrained(folder)
