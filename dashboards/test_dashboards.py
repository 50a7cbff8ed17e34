"""python3 -m unittest discover -s dashboards: the committed JSON, the layout, the check."""

import io
import json
import pathlib
import re
import sys
import tempfile
import unittest
from contextlib import redirect_stderr

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import check  # noqa: E402
import generate  # noqa: E402


class Dashboards(unittest.TestCase):
    def test_the_committed_json_is_what_the_generator_writes(self):
        self.assertEqual(generate.main(["--check"]), 0)

    def test_every_panel_has_what_the_linter_asks_and_a_place_of_its_own(self):
        for name in generate.DASHBOARDS:
            dashboard = json.loads((HERE / name).read_text(encoding="utf-8"))
            self.assertIn(dashboard["schemaVersion"], (39, 40, 41))
            variables = [variable["name"] for variable in dashboard["templating"]["list"]]
            self.assertEqual(variables[:3], ["datasource", "job", "instance"])
            taken, numbers = set(), set()
            for panel in dashboard["panels"]:
                numbers.add(panel["id"])
                place = panel["gridPos"]
                cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                         for y in range(place["y"], place["y"] + place["h"])}
                self.assertFalse(cells & taken, panel["title"])
                self.assertLessEqual(place["x"] + place["w"], 24, panel["title"])
                taken |= cells
                if panel["type"] == "row":
                    continue
                self.assertTrue(panel["title"] and panel["description"])
                self.assertTrue(panel["fieldConfig"]["defaults"]["unit"], panel["title"])
                if panel["datasource"]["type"] == "loki":
                    self.assertIn("loki", variables)
                    for target in panel["targets"]:
                        self.assertIn('{job="tocsin", stream="bans"}', target["expr"], panel["title"])
                    continue
                for target in panel["targets"]:
                    expression = target["expr"]
                    self.assertIn('job=~"$job", instance=~"$instance"', expression, panel["title"])
                    unquoted = re.sub(r'"[^"]*"', "", expression)
                    for span in re.findall(r"\brate\(\w+(?:\{[^}]*\})?(\[[^\]]*\])", unquoted):
                        self.assertEqual(span, "[$__rate_interval]", panel["title"])
                    self.assertEqual(unquoted.count("rate("), unquoted.count("[$__rate_interval]")
                                     - unquoted.count("increase(") + unquoted.count("[$__range]") + unquoted.count("[1h]"), panel["title"])
                    self.assertEqual(expression.count('job=~"$job"'), expression.count("{job"), panel["title"])
            self.assertEqual(len(numbers), len(dashboard["panels"]))


class Check(unittest.TestCase):
    def test_names_are_told_from_functions_labels_and_durations(self):
        cases = {
            'sum by (job, le) (rate(a_total{job=~"$job", b="c_total{"}[5m])) / on(x) group_left(y) d': {"a_total", "d"},
            "histogram_quantile(0.99, sum(rate(h_bucket[$__rate_interval])) by (le))": {"h_bucket"},
            "time() - max without (x) (up) or vector(0) and bool_metric > bool 1e3": {"up", "bool_metric"},
            'label_replace(a:b:c, "d", "$1", "e", "(.*)") offset 5m': {"a:b:c"},
        }
        for expression, names in cases.items():
            self.assertEqual(check.names_in(expression), names, expression)

    def test_a_series_that_lacks_is_named(self):
        with tempfile.TemporaryDirectory() as directory:
            board, metrics = pathlib.Path(directory, "d.json"), pathlib.Path(directory, "m.txt")
            board.write_text(json.dumps({"panels": [{"targets": [{"expr": "rate(a_total[1m]) + h_sum"}]}]}))
            metrics.write_text("# TYPE a counter\n# TYPE h histogram\n")
            self.assertEqual(check.main([str(board), str(metrics)]), 0)
            metrics.write_text("# TYPE h histogram\n")
            said = io.StringIO()
            with redirect_stderr(said):
                self.assertEqual(check.main([str(board), str(metrics)]), 1)
            self.assertIn("a_total", said.getvalue())
            self.assertEqual(check.main([str(board), str(metrics), "--ignore", "a_total"]), 0)


if __name__ == "__main__":
    unittest.main()
