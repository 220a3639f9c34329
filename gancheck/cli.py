"""The commands: prove, derive, train, sweep, diagnose, inspect, init, audit, compare, explain, doctor.

Each imports what it needs inside itself, so that `--help` loads neither torch nor sympy. Results go
to stdout, progress and errors to stderr. Exit codes: 0 completed; 1 completed, and a finding at or
above `--fail-on` (or a theorem that does not hold); 2 wrong use; 3 refused as unsafe or unreadable;
4 stopped by its budget with a partial report; 130 interrupted.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from gancheck.cli_endings import (
    answering,
    codes,
    command_line,
    compared_folders,
    finish,
    known,
    progress,
    refusal,
)
from gancheck.cli_options import (
    AllowCode,
    Baseline,
    Batches,
    BatchNorm,
    BatchSize,
    Budget,
    Device,
    Dtype,
    Fail,
    FailOn,
    Features,
    Json,
    Level,
    MaxMemory,
    NormMode,
    Only,
    Out,
    Precision,
    Probes,
    Products,
    Samples,
    Sarif,
    Seed,
    Stamp,
)
from gancheck.cli_train import doctor, sweep, train
from gancheck.derive import WholeTokens, derived

__all__ = ["app", "main"]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="GAN theory proved, GAN games measured, GAN checkpoints audited.",
)


@app.command()
def prove(
    ids: Annotated[list[str] | None, typer.Argument(help="Theorem ids; all without.")] = None,
    *,
    as_json: Json = False,
    out: Out = None,
    confirm: Annotated[
        int, typer.Option(help="Also hold each theorem's numeric form against this many draws.")
    ] = 0,
    errata: Annotated[
        bool, typer.Option("--errata", help="Print the popular sentences that are corrected.")
    ] = False,
    kernel: Annotated[
        bool, typer.Option("--kernel", help="Also check the Coq files, where coqc is installed.")
    ] = False,
    second_opinion: Annotated[
        bool, typer.Option("--second-opinion", help="Also ask z3, where it is installed.")
    ] = False,
    jobs: Annotated[int | None, typer.Option(help="Processes; as many as cores without.")] = None,
) -> None:
    """Check theorems with engines that can say no; exit 1 where one does not hold."""
    with answering():
        from gancheck import content, proving

        shelf = content.theorems()
        chosen = [known(i, shelf, "theorem") for i in (ids or shelf)]
        found = proving.examine(
            chosen,
            jobs=jobs,
            confirm=confirm,
            kernel=kernel,
            opinion=second_opinion,
            progress=progress,
        )
        if out is not None:
            from gancheck.rendering import write_theory_page
            from gancheck.rendering.files import write_whole

            page = write_theory_page(
                found.reports, out / "theory.html", kernel=found.kernel, opinions=found.opinions
            )
            write_whole(out / "theory.json", json.dumps(found.as_json(), indent=2) + "\n")
            progress(f"page: {page}")
        if as_json:
            shown = {"errata": proving.errata(found.reports)} if errata else found.as_json()
            typer.echo(json.dumps(shown, indent=2))
        else:
            from gancheck.rendering import theory_terminal

            if errata:
                theory_terminal.print_errata(proving.errata(found.reports))
            else:
                theory_terminal.print_theorems(
                    found.reports, found.confirmed or (), found.kernel or {}
                )
                theory_terminal.print_opinions(found.opinions or {})
        raise typer.Exit(0 if found.holds else 1)


@app.command(cls=WholeTokens)
def derive(
    real: Annotated[str, typer.Argument(help="Term on real samples, in d; maximised.")],
    fake: Annotated[str, typer.Argument(help="Term on generated samples, in d; maximised.")],
    *,
    generator: Annotated[
        str, typer.Option("--generator", help="EXPR minimised, saturating or non-saturating.")
    ] = "saturating",
    domain: Annotated[str, typer.Option("--domain", help="LOW,HIGH or real.")] = "real",
    prior: Annotated[str | None, typer.Option("--prior", help="Share of real samples.")] = None,
    as_json: Json = False,
    latex: Annotated[bool, typer.Option("--latex", help="Print the formulas as LaTeX.")] = False,
) -> None:
    """Say what an adversarial loss really optimises."""
    with answering():
        form = "json" if as_json else "latex" if latex else "text"
        text = derived(real, fake, generator=generator, domain=domain, prior=prior, form=form)
        typer.echo(text)


app.command()(train)
app.command()(sweep)
app.command()(doctor)


@app.command()
def diagnose(
    run: Annotated[Path, typer.Argument(help="A run directory of `gancheck train`.")],
    *,
    out: Out = None,
    as_json: Json = False,
    seed: Seed = 0,
    device: Device = "auto",
    budget: Budget = None,
    fail_on: Fail = FailOn.failing,
    batch_size: BatchSize = 256,
    batches: Batches = 4,
    samples: Samples = 10_000,
    probes: Probes = 64,
    features: Features = "pixels",
    dtype: Dtype = Precision.float32,
    batch_norm: BatchNorm = NormMode.as_set,
    products: Products = None,
    max_memory: MaxMemory = None,
    only: Only = None,
    sarif: Sarif = None,
    baseline: Baseline = None,
    stamp: Stamp = False,
) -> None:
    """Measure a trained game and write its report beside it."""
    with answering():
        from gancheck.audit import parse_bytes
        from gancheck.baseline import read_baseline
        from gancheck.diagnosis import Plan
        from gancheck.runner import diagnose_run

        before = read_baseline(baseline)
        plan = Plan(
            batch_size=batch_size,
            batches=batches,
            samples=samples,
            probes=probes,
            seed=seed,
            features=features,
            products=products,
        )
        report = diagnose_run(
            run,
            plan=plan,
            device=device,
            dtype=str(dtype),
            batch_norm=batch_norm.value,
            max_memory=parse_bytes(max_memory),
            budget=budget,
            codes=codes(only),
            command=command_line(),
            progress=progress,
        )
        finish(
            report,
            out or run,
            as_json=as_json,
            fail_on=fail_on,
            sarif=sarif,
            baseline=before,
            stamp=stamp,
        )


@app.command(
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "help_option_names": [],
    }
)
def inspect(context: typer.Context) -> None:
    """List what a file holds, running nothing of it."""
    from gancheck.inspecting import inspect_files

    raise typer.Exit(inspect_files(context.args))


@app.command()
def init(
    files: Annotated[list[Path], typer.Argument(help="Checkpoint files of one GAN.")],
    *,
    out: Annotated[Path, typer.Option("--out", help="The manifest to write.")] = Path(
        "gancheck.toml"
    ),
) -> None:
    """Write a manifest with what the files tell and TODO for the rest."""
    with answering():
        from gancheck.checkpoints import write_manifest
        from gancheck.rendering.files import write_whole

        if out.exists():
            raise ValueError(f"{out} exists; name another with --out, or remove it")
        text = write_manifest(files, folder=out.parent)
        write_whole(out, text)
        todo = sum("TODO" in line for line in text.splitlines())
        typer.echo(f"wrote {out}" + (f"; {todo} lines are marked TODO" if todo else ""))


@app.command()
def audit(
    files: Annotated[list[Path], typer.Argument(help="Checkpoint files of one GAN, any number.")],
    *,
    manifest: Annotated[
        Path | None,
        typer.Option(help="Written by `gancheck init`; ./gancheck.toml where there is one."),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="npz with real samples.")] = None,
    held_out: Annotated[
        Path | None, typer.Option(help="npz with samples not trained on; --data are the trained.")
    ] = None,
    level: Level = None,
    allow_code: AllowCode = False,
    out: Out = None,
    as_json: Json = False,
    seed: Seed = 0,
    device: Device = "auto",
    budget: Budget = None,
    fail_on: Fail = FailOn.failing,
    batch_size: BatchSize = 256,
    batches: Batches = 4,
    samples: Samples = 10_000,
    probes: Probes = 64,
    features: Features = "pixels",
    dtype: Dtype = Precision.float32,
    batch_norm: BatchNorm = NormMode.as_set,
    products: Products = None,
    max_memory: MaxMemory = None,
    only: Only = None,
    sarif: Sarif = None,
    baseline: Baseline = None,
    stamp: Stamp = False,
) -> None:
    """Read a stranger's GAN without running its files, build it, and measure it."""
    with answering(refused=refusal(files, as_json=as_json, sarif=sarif)):
        from gancheck.audit import parse_bytes
        from gancheck.audit_files import Settings, audit_files
        from gancheck.baseline import read_baseline
        from gancheck.diagnosis import Plan

        before = read_baseline(baseline)
        here = Path("gancheck.toml")
        plan = Plan(
            batch_size=batch_size,
            batches=batches,
            samples=samples,
            probes=probes,
            seed=seed,
            features=features,
            products=products,
        )
        report = audit_files(
            files,
            manifest=manifest or (here if here.is_file() else None),
            data=data,
            held_out=held_out,
            settings=Settings(
                level=None if level is None else level.value,
                codes=codes(only),
                plan=plan,
                budget=budget,
                dtype=str(dtype),
                device=device,
                batch_norm=batch_norm.value,
                max_memory=parse_bytes(max_memory),
                allow_code=allow_code,
            ),
            provenance={"command": command_line()},
            progress=progress,
        )
        finish(
            report,
            out or Path("gancheck-audit"),
            as_json=as_json,
            fail_on=fail_on,
            sarif=sarif,
            baseline=before,
            stamp=stamp,
        )


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(help="A checkpoint file, or a folder with a report.")],
    second: Annotated[Path, typer.Argument(help="Another, such as a later one.")],
    *,
    out: Annotated[
        Path, typer.Option("--out", help="Folder for the page; of two folders only.")
    ] = Path("gancheck-compare"),
    as_json: Json = False,
    fail_on: Fail = FailOn.failing,
) -> None:
    """Say what changed between two reports, or which layers of two files moved how far."""
    with answering(refused=refusal([first, second], as_json=as_json, sarif=None)):
        folders = [path.is_dir() for path in (first, second)]
        if any(folders) and not all(folders):
            one, other = (first, second) if folders[0] else (second, first)
            if not other.exists():
                raise ValueError(f"{other} is not there")
            raise ValueError(
                f"{one} is a folder and {other} is not; give two folders with a result.json, or "
                "two checkpoint files"
            )
        if all(folders):
            compared_folders(first, second, out, as_json=as_json, fail_on=fail_on)
            return
        from gancheck.checkpoints.weight_distance import compare_files

        found = compare_files(first, second)
        typer.echo(json.dumps(found.to_dict(), indent=2) if as_json else found.text())


@app.command()
def explain(
    code: Annotated[str | None, typer.Argument(help="GC003 or a theorem id; without: all.")] = None,
) -> None:
    """Say what a diagnostic measures, how it judges and what to do, or what a theorem states."""
    with answering():
        from gancheck import content

        text = None if code is None else content.diagnostic_text(code)
        if text is not None:
            typer.echo(text)
            return
        shelf = content.theorems()
        questions = {name: found.question for name, found in content.diagnostics().items()}
        if code is None:
            titles = {name: theorem.title for name, theorem in shelf.items()}
            typer.echo("\n".join(f"{k}\n    {says}" for k, says in {**questions, **titles}.items()))
            return
        from gancheck.rendering.theory_terminal import print_theorem
        from gancheck.theory.report import check

        theorem = known(code, {**questions, **shelf}, "diagnostic or theorem")
        print_theorem(check(theorem), shelf)


def main() -> None:
    """Entry point of the console script."""
    if sys.argv[1:2] == ["inspect"]:  # without the parser of the others, which brings pydantic
        from gancheck.inspecting import inspect_files

        raise SystemExit(inspect_files(sys.argv[2:]))
    app()


if __name__ == "__main__":
    main()
