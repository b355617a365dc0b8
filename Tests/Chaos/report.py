# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0
"""The findings of a rehearsal, and the tables that show them."""

from __future__ import annotations

from dataclasses import dataclass, field

MOST_SHOWN = 5


@dataclass
class Bound:
    """A promise, and the measured value."""

    promise: str
    measured: str
    met: bool


@dataclass
class Report:
    """The findings of one scenario."""

    name: str
    title: str
    settings: str = ""
    requests: int = 0
    wrong: list[str] = field(default_factory=list)
    worst: float = 0
    recovery: float | None = None
    lost: list[str] = field(default_factory=list)
    bounds: list[Bound] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def bound(self, promise: str, measured: str, met: bool) -> None:
        self.bounds.append(Bound(promise, measured, met))

    def at_most(self, what: str, value: float | None, limit: float, unit: str = "s") -> None:
        """Adds a bound on a time. None means that it never happened."""
        scale = 1000 if unit == "ms" else 1
        measured = "never" if value is None else f"{value * scale:.{1 if unit == 'ms' else 2}f} {unit}"
        self.bound(f"{what} ≤ {limit * scale:g} {unit}", measured, value is not None and value <= limit)

    def ratio(self, what: str, value: float | None, calm: float | None, limit: float) -> None:
        """Adds a bound on a time, as a multiple of the time without the disturbance in the same run."""
        if not value or not calm:
            self.bound(f"{what} ≤ {limit:g} × calm", "no samples", False)
            return
        measured = f"{value / calm:.2f} × ({value * 1000:.1f} ms, calm {calm * 1000:.1f} ms)"
        self.bound(f"{what} ≤ {limit:g} × calm", measured, value <= limit * calm)

    def holds(self, what: str, measured: object, met: bool) -> None:
        self.bound(what, str(measured), met)

    @property
    def passed(self) -> bool:
        return bool(self.bounds) and all(bound.met for bound in self.bounds)

    @property
    def row(self) -> list[str]:
        recovery = "-" if self.recovery is None else f"{self.recovery:.2f} s"
        verdict = "met" if self.passed else "MISSED"
        return [
            self.title, str(self.requests), str(len(self.wrong)), f"{self.worst:.3f} s", recovery, str(len(self.lost)), verdict,
        ]


HEADINGS = ["scenario", "requests", "wrong answers", "worst answer", "time to recover", "volumes lost", "bounds"]


def explain(report: Report) -> str:
    """Formats all findings of one scenario for people."""
    lines = [f"{report.name}: {'met' if report.passed else 'MISSED'}"]
    for bound in report.bounds:
        lines.append(f"  {'met   ' if bound.met else 'MISSED'}  {bound.promise}: {bound.measured}")
    lines += [f"  note: {note}" for note in report.notes]
    for word, findings in (("wrong", report.wrong), ("lost", report.lost)):
        lines += [f"  {word}: {finding}" for finding in findings[:MOST_SHOWN]]
        if len(findings) > MOST_SHOWN:
            lines.append(f"  … and {len(findings) - MOST_SHOWN} more {word}")
    return "\n".join(lines)


def table(reports: list[Report]) -> str:
    rows = [HEADINGS] + [report.row for report in reports]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    return "\n".join(
        "  ".join(cell.ljust(width) if index in (0, len(widths) - 1) else cell.rjust(width)
                  for index, (cell, width) in enumerate(zip(row, widths))).rstrip()
        for row in rows
    )


def markdown(reports: list[Report], settings: list[str]) -> str:
    lines = [*settings, "", "| " + " | ".join(HEADINGS) + " |", "|---|" + "---:|" * 5 + "---|"]
    lines += ["| " + " | ".join(report.row) + " |" for report in reports]
    lines += ["", "| scenario | bound | measured | |", "|---|---|---|---|"]
    for report in reports:
        lines += [
            f"| {report.name} | {bound.promise} | {bound.measured} | {'met' if bound.met else '**missed**'} |"
            for bound in report.bounds
        ]
    notes = [f"- {report.name}: {note}" for report in reports for note in report.notes]
    if notes:
        lines += ["", *notes]
    return "\n".join(lines)
