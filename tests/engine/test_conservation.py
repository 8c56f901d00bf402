"""Random recipes over random files: no document is lost, none is made up, counted from the files alone."""

import random

import pytest
from engine_kit import documents, ids, parquet, recipe, rows, run, steps
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


def random_recipe(rng):
    """Steps of a random DAG: chains, splits, fan-ins; returns (text, whether rows are copied, made or joined)."""
    lines, open_ports, n = [], ["docs"], [0]
    written = {"docs": frozenset()}
    once = {"measure": "length", "poison": "poisoned", "poison_vector": "poisoned_too", "first_of_text": "twin_of"}
    left = dict(once)
    changed = False

    def name():
        n[0] += 1
        return f"s{n[0]}"

    for _ in range(rng.randrange(2, 7)):
        port = rng.choice(open_ports)
        have = written[port]
        choice = rng.choice(["row", "row", "global", "split", "join", "keep", "expand", "rare"])
        at = name()
        if choice == "join" and len(open_ports) > 1:
            joined = open_ports[: rng.randrange(2, len(open_ports) + 1)]
            lines.append(f'  {at}: {{use: keep, needs: [{", ".join(joined)}], where: "url is not null"}}')
            open_ports = [p for p in open_ports if p not in joined] + [at]
            written[at] = frozenset().union(*(written[p] for p in joined))
            continue
        if choice == "split":
            copy = rng.random() < 0.3
            changed |= copy
            to = f'a: "url is not null and len(url) > {rng.randrange(25, 32)}", b: "score is not null and score > {rng.random():.2f}"'
            lines.append(f"  {at}: {{use: split, needs: {port}, copy: {str(copy).lower()}, to: {{{to}}}, else: c}}")
            open_ports = [p for p in open_ports if p != port] + [f"{at}.{b}" for b in "abc"]
            written |= {f"{at}.{b}": have for b in "abc"}
            continue
        if choice == "expand" and "part" not in have and not changed:
            changed = True
            lines.append(f"  {at}: {{use: paragraphs, needs: {port}}}")
            written[at] = have | {"part"}
            left.pop("measure", None)
        elif choice == "rare":
            lines.append(f"  {at}: {{use: rare_domains, needs: {port}, limit: {rng.randrange(1, 5)}}}")
            written[at] = have
        elif choice == "global" and "first_of_text" in left:
            del left["first_of_text"]
            lines.append(f"  {at}: {{use: first_of_text, needs: {port}}}")
            written[at] = have | {"twin_of"}
        elif choice == "row" and set(left) - {"first_of_text"}:
            use = rng.choice(sorted(set(left) - {"first_of_text"}))
            del left[use]
            lines.append(f"  {at}: {{use: {use}, needs: {port}, limit: {rng.randrange(0, 120)}, how: raise}}")
            written[at] = have | {once[use]}
        else:
            lines.append(f'  {at}: {{use: keep, needs: {port}, where: "score is null or score > {rng.random() / 3:.2f}"}}')
            written[at] = have
        open_ports = [at if p == port else p for p in open_ports]
    checkpoint = rng.randrange(len(lines))
    lines[checkpoint] = lines[checkpoint].replace("{use:", "{checkpoint: true, use:", 1)
    outputs = "".join(f"  o{i}: {{use: shards, needs: {p}}}\n" for i, p in enumerate(open_ports))
    head = 'inputs: {docs: {use: parquet, paths: "crawl/*.parquet", carry: [score]}}\nsettings: {shadow: 0.1, max_failed: {least: 1000}}\n'
    return head + "steps:\n" + "\n".join(lines) + "\noutputs:\n" + outputs, changed


def content(out, label):
    return sorted(repr({k: v for k, v in r.items() if k != "traceback"}) for r in rows(out, label))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 1 << 30), group=st.integers(1, 80))
def test_nothing_is_lost(tmp_path_factory, seed, group):
    folder = tmp_path_factory.mktemp("random")
    rng = random.Random(seed)
    given_rows = 0
    for i in range(2):
        n = rng.randrange(1, 70)
        given_rows += n
        parquet(folder / "crawl" / f"{i}.parquet", documents(n, seed=seed % 1000 + i, poison={3, 11}), row_group_size=group)
    text, changed = random_recipe(rng)
    out = folder / "out"
    run(recipe(folder, text), out)
    recount(out)
    if not changed:
        all_ids = ids(out, "outputs") + ids(out, "dropped") + ids(out, "failed")
        assert len(all_ids) == given_rows
        assert len(set(all_ids)) == given_rows
    for i in range(2):  # the same rows in other row groups
        parquet(folder / "crawl" / f"{i}.parquet", _read(folder / "crawl" / f"{i}.parquet"), row_group_size=rng.randrange(1, 80))
    run(recipe(folder, text), folder / "again")
    for label in ("outputs", "dropped", "failed"):
        assert content(folder / "again", label) == content(out, label)


def _read(path):
    import pyarrow.parquet as pq

    return pq.read_table(path).to_pylist()


def recount(out):
    """What files hold against what the manifest says, step by step."""
    found = steps(out)
    dropped, failed = rows(out, "dropped"), rows(out, "failed")
    for name, step in found.items():
        mine = {}
        for r in dropped:
            if r["step"] == name:
                mine[r["drop_reason"]] = mine.get(r["drop_reason"], 0) + 1
        assert mine == step["dropped"]
        assert sum(r["step"] == name for r in failed) == step["failed"]
        assert step["documents_in"] + step["created"] == step["kept"] + sum(mine.values()) + step["merged"] + step["failed"]
        parents = sum(found[n.partition(".")[0]]["branches"][n.partition(".")[2]] if "." in n else found[n]["kept"] for n in step["needs"])
        assert not step["needs"] or step["documents_in"] == parents
        if step["kind"] == "shards":
            assert len(rows(out, "outputs", name.removeprefix("outputs."))) == step["kept"]


@pytest.mark.parametrize("seed", range(2))
def test_workers_do_as_inline_on_random_recipes(tmp_path, seed):
    from engine_kit import tree

    rng = random.Random(seed)
    parquet(tmp_path / "crawl" / "0.parquet", documents(90, seed=seed, poison={3, 11}), row_group_size=30)
    file = recipe(tmp_path, random_recipe(rng)[0])
    run(file, tmp_path / "inline")
    run(file, tmp_path / "workers", 2)
    assert tree(tmp_path / "inline") == tree(tmp_path / "workers")
