"""Reading: challenges, submissions and leaderboards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from arena.cli.client import Refused, call, check, connect, sentences
from arena.cli.display import AsJson, Server, print_json, print_table, say, show_score, show_size, show_time
from arena.cli.forms import describe_format
from arena.cli.language import _
from arena.cli.marker import find_challenge

Slug = Annotated[str, typer.Argument(metavar="SLUG", help=_("The challenge, such as `iris`."))]


def challenges(server: Server = "", as_json: AsJson = False) -> None:
    """List the challenges, in the order of the path."""
    with connect(server) as client:
        found = list_all(client, "challenges", {})
    if as_json:
        print_json(found)
        return
    rows: list[list[object]] = [
        [item["slug"], item["title"], item["metric"]["title"], item["state"], show_time(item.get("deadline"))]
        for item in found
    ]
    print_table([_("Slug"), _("Challenge"), _("Metric"), _("State"), _("Deadline")], rows)


def challenge(slug: Slug, server: Server = "", as_json: AsJson = False) -> None:
    """Show one challenge: what to predict, how it is scored, what a submission may be."""
    with connect(server) as client:
        found = call(client, "GET", f"challenges/{slug}")
        files = call(client, "GET", f"challenges/{slug}/files") if not as_json else None
    if as_json:
        print_json(found)
        return
    say(f"{found['title']} ({found['slug']})", "bold")
    say(found["summary"])
    limits, metric = found["limits"], found["metric"]
    better = _("higher is better") if metric["direction"] == "max" else _("lower is better")
    facts: dict[str, object] = {
        _("State"): found["state"],
        _("Deadline"): show_time(found.get("deadline")),
        _("Metric"): f"{metric['title']} ({better})",
        **describe_format(found["submission"]),
        _("Limits"): _("{count} submissions a day, {size} each").format(
            count=limits["per_day"], size=show_size(limits["upload_bytes"])),
        _("Page"): str(client.base_url).removesuffix("api/v1/") + f"challenges/{slug}",
    }  # fmt: skip
    print_table(["", ""], [[name, value] for name, value in facts.items()])
    print_table([_("File"), _("Size")], [[f["name"], show_size(f["size_bytes"])] for f in items_of(files)], right=(1,))
    say(_("Next: arena download {slug}").format(slug=slug), "dim")


def submissions(
    slug: Annotated[str, typer.Argument(metavar="[SLUG]", help=_("Only of this challenge."))] = "",
    limit: Annotated[int, typer.Option(min=1, help=_("How many, the newest first."))] = 20,
    server: Server = "",
    as_json: AsJson = False,
) -> None:
    """List your team's submissions, the newest first."""
    with connect(server) as client:
        found = list_all(client, "submissions", {"challenge": slug} if slug else {}, limit)
    if as_json:
        print_json(found)
        return
    rows: list[list[object]] = [
        [
            item["id"],
            slug_of(item),
            show_time(item["created_at"]),
            item["filename"],
            _(str(item["status"])),
            show_score(item.get("public_score")),
            item.get("message", ""),
        ]
        for item in found
    ]
    columns = [_("Submission"), _("Challenge"), _("Sent"), _("File"), _("Status"), _("Score"), _("Message")]
    _print_with_costs(columns, rows, found, right=(5,))


def submission(
    submission_id: Annotated[str, typer.Argument(metavar="ID", help=_("As `arena submissions` lists it."))],
    download: Annotated[bool, typer.Option("--download", help=_("Fetch the file that was sent."))] = False,
    to: Annotated[Path, typer.Option(help=_("Folder for the file."))] = Path(),
    server: Server = "",
    as_json: AsJson = False,
) -> None:
    """Show one submission: status, score, and what was wrong with it."""
    with connect(server) as client:
        found = call(client, "GET", f"submissions/{submission_id}")
        if download:
            target = _fetch_upload(client, found, to)
            if not as_json:
                say(_("Saved {path}.").format(path=target))
    if as_json:
        print_json(found)
    else:
        show_submission(found)


def leaderboard(
    slug: Annotated[str, typer.Argument(metavar="[SLUG]", help=_("The challenge; by default this folder's."))] = "",
    page: Annotated[int, typer.Option(min=1, help=_("Page of fifty teams."))] = 1,
    board: Annotated[str, typer.Option(metavar="public|private", help=_("Private: after the reveal."))] = "public",
    server: Server = "",
    as_json: AsJson = False,
) -> None:
    """Show a leaderboard, your team in bold."""
    name = slug or find_challenge(Path())
    with connect(server) as client:
        found = call(client, "GET", f"challenges/{name}/leaderboard", params={"page": page, "board": board})
    if as_json:
        print_json(found)
        return
    rows = items_of(found)
    if found.get("mine") and not any(row["is_mine"] for row in rows):
        rows.append(found["mine"])  # it stands on another page
    ours = next((index for index, row in enumerate(rows) if row["is_mine"]), -1)
    _print_with_costs(
        [_("Rank"), _("Team"), _("Score"), _("Submissions"), _("Reached")],
        [[r["rank"], r["team"], r["score"], r["submissions"], show_time(r["achieved_at"])] for r in rows],
        rows,
        right=(0, 2, 3),
        bold=ours,
    )
    pages = _("Page {page} of {pages}, {total} teams").format(
        page=found["page"], pages=found["pages"], total=found["total_teams"]
    )
    say(pages, "dim")
    for baseline in found["baselines"]:
        say(_("To compare: {name} reaches {score}").format(name=baseline["name"], score=baseline["score"]), "dim")


def _print_with_costs(
    columns: list[str], rows: list[list[object]], items: list[dict[str, Any]], *, right: tuple[int, ...], bold: int = -1
) -> None:
    """Print a table; where some items are models, with two columns more."""
    costs = [item.get("costs") or {} for item in items]
    if any(costs):
        right = (*right, len(columns), len(columns) + 1)
        columns = [*columns, _("Parameters"), _("Time beside the reference")]
        rows = [[*row, *_show_brief(found)] for row, found in zip(rows, costs, strict=True)]
    print_table(columns, rows, right=right, bold=bold)


def _show_brief(costs: dict[str, float]) -> list[object]:
    parameters, ratio = costs.get("parameters"), costs.get("latency_ratio")
    return [None if parameters is None else f"{parameters:,.0f}", None if ratio is None else f"{ratio:.3g} ×"]


def show_submission(found: dict[str, Any]) -> None:
    """Print a submission with its verdict."""
    styles = {"scored": "green", "rejected": "red", "failed": "red"}
    say(f"{slug_of(found)} · {found['filename']} · {_(str(found['status']))}", styles.get(found["status"], ""))
    if found.get("public_score") is not None:
        error = found.get("public_error")
        around = f" ± {show_score(error)}" if error is not None else ""
        say(_("Score: {score}").format(score=show_score(found["public_score"])) + around)
    for name, value in (found.get("public_secondary") or {}).items():
        say(f"{name}: {show_score(value)}", "dim")
    show_costs(found.get("costs") or {})
    if found.get("private_score") is not None:
        say(_("Private score: {score}").format(score=show_score(found["private_score"])))
    faults = found.get("faults") or []
    for fault in faults:
        say(f"• {fault['sentence']}")
    hidden = (found.get("fault_count") or 0) - len(faults)
    if hidden > 0:
        say(_("… and {count} more.").format(count=hidden))
    if found["status"] == "failed":
        say(_("Grading failed on the server's side; the operator has been told, and it costs none of your quota."))
    say(_("Submission {id}").format(id=found["id"]), "dim")


def show_costs(costs: dict[str, float]) -> None:
    """Print what a model costs."""
    shown: dict[str, object] = {
        _("Parameters"): f"{costs['parameters']:,.0f}" if "parameters" in costs else None,
        _("Weights"): show_size(int(costs["weight_bytes"])) if "weight_bytes" in costs else None,
        _("Convolutions"): f"{costs['convolutions']:,.0f}" if "convolutions" in costs else None,
        _("Attentions"): f"{costs['attentions']:,.0f}" if "attentions" in costs else None,
        _("MACs of one row"): f"{costs['macs']:,.0f}" if "macs" in costs else None,
        _("Time for one row"): f"{costs['latency_ms']:.3g} ms" if "latency_ms" in costs else None,
        _("Time beside the reference"): f"{costs['latency_ratio']:.3g} ×" if "latency_ratio" in costs else None,
        _("Memory at its peak"): show_size(int(costs["peak_bytes"])) if "peak_bytes" in costs else None,
    }
    rows: list[list[object]] = [[name, value] for name, value in shown.items() if value is not None]
    if rows:
        print_table(["", ""], rows, right=(1,))


def list_all(client: httpx.Client, path: str, params: dict[str, str], limit: int = 10_000) -> list[dict[str, Any]]:
    """The items of a list, page after page, up to `limit`."""
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    while len(items) < limit:
        page = call(client, "GET", path, params=params | ({"cursor": cursor} if cursor else {}))
        items += items_of(page)
        cursor = page.get("next_cursor") if isinstance(page, dict) else None
        if not cursor:
            break
    return items[:limit]


def items_of(page: Any) -> list[dict[str, Any]]:
    """The items of one answer that lists something."""
    if isinstance(page, dict):
        page = next((page[name] for name in ("items", "files", "rows") if name in page), [])
    found: list[dict[str, Any]] = page
    return found


def slug_of(item: dict[str, Any]) -> str:
    """The slug of a submission's challenge."""
    found = item.get("challenge", "")
    return str(found.get("slug", "")) if isinstance(found, dict) else str(found)


def _fetch_upload(client: httpx.Client, found: dict[str, Any], to: Path) -> Path:
    name = Path(str(found["filename"])).name
    target = to / name
    if target.exists():
        raise Refused(_("{path} exists already. Choose another folder with --to.").format(path=target))
    to.mkdir(parents=True, exist_ok=True)
    with sentences(client), client.stream("GET", f"submissions/{found['id']}/file") as response:
        check(response)
        with target.open("xb") as file:
            for chunk in response.iter_bytes():
                file.write(chunk)
    return target
