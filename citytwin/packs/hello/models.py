"""What if? Tomorrow's power, were the lamps dimmed."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc

from citytwin.kernel.model import Figure, Inputs, Outputs, Parameter
from citytwin.kernel.title import Title
from citytwin.packs.hello.formulas import energy


class DimmedNight:
    """The next day's power: that of the last day, times the level the lamps are dimmed to."""

    title = Title("调光方案", "Dimmed night")
    reads = ("hello.power",)
    writes = ("hello.power",)
    every = timedelta(days=1)
    horizon = timedelta(days=1)
    history = timedelta(days=1)
    parameters = (Parameter("level", Title("亮度", "Level"), "%", 100.0, 10.0, 100.0),)
    figures = (
        Figure("electricity", Title("用电量", "Electricity used"), "kWh"),
        Figure("saved", Title("节电量", "Electricity saved"), "kWh"),
    )

    def run(self, inputs: Inputs) -> Outputs:
        level = inputs.parameters["level"] / 100.0
        power = pc.multiply(inputs.readings["value"], level)
        tomorrow = pc.add(inputs.readings["time"], pa.scalar(self.horizon, pa.duration("us")))
        used = energy(power.to_numpy(), 900.0)
        saved = energy(inputs.readings["value"].to_numpy(), 900.0) - used
        series = pa.table({"stream": inputs.readings["stream"], "time": tomorrow, "value": power})
        return Outputs(series, {"electricity": used, "saved": saved})
