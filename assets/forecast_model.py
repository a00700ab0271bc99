"""The forecast model of each year: fitted on all data through it, it serves the next one."""

import time
from datetime import date
from typing import Any

import dagster as dg
import numpy as np
from pydantic import Field

from assets.prices import prices
from assets.quarantine import quarantine
from assets.universe import universe
from assets.years import through_year, year_asset
from kernels.errors import InvalidInputError
from kernels.forecast.config import NetworkConfig
from kernels.forecast.fit import Fit, fit_model
from kernels.forecast.fitted import FittedModel, RunNetwork
from kernels.forecast.held_out import judge_held_out
from kernels.forecast.promotion import Promotion
from resources.forecast_history import YearHistory, history_fingerprint, load_year_history
from resources.model_store import ModelStore, StoredModel
from resources.parquet_lake import fingerprint
from resources.wiring import ForecasterResource, LakeResource

CODE_VERSION = "1"
_DEFAULT = NetworkConfig()


class ForecastModelConfig(dg.Config):
    """How the network is trained; see `kernels.forecast.config`."""

    hidden: int = Field(default=_DEFAULT.hidden, description="Units of either hidden layer.")
    seeds: list[int] = Field(default=list(_DEFAULT.seeds), description="One network is trained for each.")
    epochs: int = Field(default=_DEFAULT.epochs, description="Passes over the rows at most.")
    patience: int = Field(default=_DEFAULT.patience, description="Epochs without a better held-out loss, then stop.")
    batch_rows: int = Field(default=_DEFAULT.batch_rows, description="Rows of a step.")
    micro_batches: int = Field(default=_DEFAULT.micro_batches, description="Parts that a step is computed in.")
    learning_rate: float = Field(default=_DEFAULT.learning_rate, description="Of AdamW, at the first step.")
    weight_decay: float = Field(default=_DEFAULT.weight_decay, description="Of AdamW.")
    precision: str = Field(default=_DEFAULT.precision, description="Of the forward pass: float32 or bfloat16.")
    device: str = Field(default="cpu", description="Where the network is trained: cpu or cuda.")

    def network(self) -> NetworkConfig:
        """The settings of the network.

        Raises:
            InvalidInputError: an option out of its range, named.
        """
        options = self.model_dump(exclude={"device"})
        return NetworkConfig(**{**options, "seeds": tuple(self.seeds)})


@year_asset(
    None,
    CODE_VERSION,
    kinds=("pytorch",),
    deps=[through_year(universe), through_year(prices), through_year(quarantine)],
)
def forecast_model(
    context: dg.AssetExecutionContext,
    config: ForecastModelConfig,
    lake: LakeResource,
    forecaster: ForecasterResource,
) -> dg.MaterializeResult:
    """The model behind next year's forecasts: volatility, residuals and a small network, fitted on all bars so far.

    The network is trained on the sessions before the year, and the year itself, held out, stops it. In that year the
    model must beat GJR-FHS to be promoted. If it doesn't, or if there is too little history to tell, the model is kept
    but does not serve: the baseline does, and says so. A training that was killed goes on where it stopped.
    """
    store, network = lake.open(), config.network()
    models = ModelStore(store.files)
    for key in context.partition_keys:
        began, year = time.monotonic(), int(key)
        made_from = fingerprint(
            {"code": CODE_VERSION, "config": network.as_json(), "history": history_fingerprint(store, year)}
        )
        kept = _kept(models, year, made_from)
        stored = kept or _fit(context, models, load_year_history(store, year), network, config, made_from, forecaster)
        took = {} if kept else {"seconds": round(time.monotonic() - began, 3)}
        _report(context, models, stored, {"kept": kept is not None, **took})
    return dg.MaterializeResult()


def _kept(models: ModelStore, year: int, made_from: str) -> StoredModel | None:
    stored = models.read(year)
    return stored if stored is not None and stored.made_from == made_from else None


def _fit(
    context: dg.AssetExecutionContext,
    models: ModelStore,
    history: YearHistory,
    network: NetworkConfig,
    config: ForecastModelConfig,
    made_from: str,
    forecaster: ForecasterResource,
) -> StoredModel:
    sessions = history.panel.sessions
    year = sessions[-1].item().year
    resume = models.read_state(year, made_from)
    if resume is not None:
        context.log.info(f"forecast_model {year}: the training goes on after epoch {resume.epoch}")
    fit = fit_model(
        history.bars,
        history.first,
        network,
        resume=resume,
        checkpoint=lambda state: models.write_state(year, made_from, state),
        log=lambda line: context.log.info(f"forecast_model {year}: {line}"),
        device=config.device,
    )
    promotion, serves, reason = None, None, fit.reason
    if fit.earlier is not None:
        promotion, reason = _judged(fit.earlier, history, forecaster.open().run)
        serves = promotion.serves if promotion else None
    context.log.info(f"forecast_model {year}: {serves or 'the baseline'} serves {year + 1}: {reason}")
    stored = models.write(
        year,
        fit.model,
        trained_through=sessions[-1].item(),
        serves=serves,
        reason=reason,
        made_from=made_from,
        note=_note(fit, promotion, sessions[0].item(), len(history.panel.symbols)),
    )
    models.drop_state(year)
    return stored


def _judged(earlier: FittedModel, history: YearHistory, run: RunNetwork) -> tuple[Promotion | None, str]:
    try:
        promotion = judge_held_out(earlier, history.bars, history.first, run)
    except InvalidInputError as error:
        # Candidates without a hurdle aren't proven, so they don't serve.
        return None, f"GJR-FHS can't be fitted before the held-out year, so nothing can be shown to beat it: {error}"
    return promotion, promotion.reason


def _note(fit: Fit, promotion: Promotion | None, first: date, symbols: int) -> dict[str, Any]:
    note: dict[str, Any] = {
        "first_session": first,
        "symbols": symbols,
        "training_rows": fit.training_rows,
        "held_out_rows": fit.held_out_rows,
    }
    if fit.training is not None:
        note |= {
            "epochs": fit.training.epochs,
            "train_loss": list(fit.training.train_loss),
            "held_out_loss": list(fit.training.held_out_loss),
        }
    if promotion is not None:
        note |= {
            "held_out_skill_over_gjr": {name: list(values) for name, values in promotion.skill.items()},
            "held_out_t_against_gjr": {name: list(values) for name, values in promotion.t.items()},
        }
    return note


def _report(context: dg.AssetExecutionContext, models: ModelStore, stored: StoredModel, extra: dict[str, Any]) -> None:
    note = stored.note
    metadata: dict[str, Any] = {
        "dagster/uri": models.uri(stored.year),
        "model": stored.model_id,
        "trained_through": stored.trained_through.isoformat(),
        "serves": stored.serves or "the baseline ewma-fhs",
        "reason": stored.reason,
        "sha256": stored.sha256,
        **{name: note[name] for name in ("symbols", "training_rows", "held_out_rows", "epochs") if name in note},
        **extra,
    }
    if "held_out_skill_over_gjr" in note:
        metadata["held_out"] = _held_out_table(stored)
    context.add_asset_metadata(metadata, partition_key=str(stored.year))


def _held_out_table(stored: StoredModel) -> dg.MetadataValue:
    skills, ts = stored.note["held_out_skill_over_gjr"], stored.note["held_out_t_against_gjr"]
    return dg.MetadataValue.table(
        [
            dg.TableRecord({"candidate": name, "horizon": horizon, "skill over gjr-fhs, %": skill, "t": t})
            for name in skills
            for horizon, skill, t in zip(
                stored.model.pooled.horizons, _rounded(skills[name]), _rounded(ts[name]), strict=True
            )
        ]
    )


def _rounded(values: list[float | None]) -> list[float | None]:
    return [None if value is None or np.isnan(value) else round(value, 3) for value in values]
