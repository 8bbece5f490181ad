from e2e.shell import FAKE, strict_json


def test_views_prints_a_table_and_writes_the_same_as_json_and_a_report(here, site, tmp_path):
    few = ("--view", "tight:margin=0.15", "--view", "square:background=dim", "--view", "dense")
    ran = here("views", site, *FAKE, *few, "--out", tmp_path / "v", "--json", tmp_path / "v.json", "--max-latency-s", 9)
    assert ran.last == str(tmp_path / "v")
    result = strict_json(tmp_path / "v.json")
    assert result == strict_json(tmp_path / "v" / "metrics.json")
    assert [r["views"][0] for r in result["rows"] if r["kind"] == "single"] == [
        "tight:margin=0.15",
        "square:scale=1.2,background=dim",
        "dense:margin=0",
    ]
    assert "test" not in result["split"] and "flatter" in ran.out
    for row in result["rows"]:
        assert f"{row['accuracy']:.3f}" in ran.out and " + ".join(row["views"]) in ran.out
    assert "What each view shows" in (tmp_path / "v" / "report.html").read_text()


def test_fit_says_what_its_views_cost_and_takes_new_views_from_the_settings(here, site, tmp_path):
    views = ["dense:margin=0", "tiles:count=3,scale=1.2,turn=1,flip=1"]
    (tmp_path / "c.toml").write_text(f'[views]\nheads = {views}\njoint = "square:scale=1.2"\n')
    ran = here(
        "fit", site, *FAKE, "--head", "linear", "--config", tmp_path / "c.toml", "--limit", 20, "--out", tmp_path / "r"
    )
    assert "s a photo to encode dense:margin=0 + tiles:count=3,scale=1.2,turn=1,flip=1" in ran.out
    metrics = strict_json(tmp_path / "r" / "metrics.json")
    assert metrics["seconds"]["a_photo"] > 0
    here("evaluate", tmp_path / "r", site, *FAKE[2:], "--json", tmp_path / "e.json")
    assert strict_json(tmp_path / "e.json")["n"] > 0


def test_a_view_that_does_not_exist_ends_with_2_and_names_those_that_do(here, site, tmp_path):
    ran = here("views", site, *FAKE, "--view", "oval", "--out", tmp_path / "v", code=2)
    assert "'oval'" in ran.err and "'dense'" in ran.err and not (tmp_path / "v").exists()
