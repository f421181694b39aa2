#!/usr/bin/env python3
"""Metrics and detection against definitions that are not ours: scikit-learn, SciPy, and a small evaluation of boxes written here.
Models return what the data say, so that the metric is all that is measured. Usage: metrics_test.py INC_CPP

Exit status 77 without scikit-learn."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import numpy as np
import onnx

from small_nets import network, node

try:
    from scipy import stats
    from sklearn import metrics as known
except ImportError:
    print("scikit-learn is not installed")
    sys.exit(77)

TOOL = os.path.abspath(sys.argv[1])
ENVIRONMENT = dict(os.environ, OMP_NUM_THREADS="1")
# Outputs and labels are float32, sums are double: what is left is the rounding of the sums, far below this.
ROUNDING = 1e-9


class Workspace(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="metrics_"))

    def tearDown(self):
        shutil.rmtree(self.folder)

    def evaluate(self, evaluation):
        config = {"version": 1.0, "model": {"name": "m", "path": "m.onnx"}, "evaluation": {"accuracy": evaluation}}
        (self.folder / "c.yaml").write_text(json.dumps(config))
        done = subprocess.run([TOOL, "evaluate", "--config", self.folder / "c.yaml", "--json", "--threads", "1"], capture_output=True,
                              text=True, timeout=240, env=ENVIRONMENT)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def scores(self, outputs, labels, metrics, batch=7):
        """{metric's name: value} of a model that returns `outputs`, in batches the last of which is not full."""
        onnx.save(network([node("Identity", ["x"], ["y"])], {"x": (["N", *outputs.shape[1:]], "float32")}, {"y": ["N", *outputs.shape[1:]]}, {}),
                  self.folder / "m.onnx")
        np.save(self.folder / "x.npy", outputs.astype(np.float32))
        np.save(self.folder / "labels.npy", labels)
        data = {"Arrays": {"inputs": {"x": "x.npy"}, "labels": "labels.npy"}}
        form = {"metric": metrics} if len(metrics) == 1 else {"multi_metrics": metrics}
        result = self.evaluate(form | {"dataloader": {"batch_size": batch, "dataset": data}})
        return result.get("metrics", {result["metric"]: result["accuracy"]})

    def expect(self, found, wanted, note):
        self.assertEqual(set(found), set(wanted))
        for name, value in wanted.items():
            self.assertAlmostEqual(found[name], value, delta=ROUNDING, msg=f"{name} {note}")


class Classes(Workspace):
    def test_several_classes(self):
        for seed, (samples, classes, noise) in enumerate([(1, 3, 1), (5, 3, 1), (50, 4, 1), (101, 10, 2), (300, 37, 3), (64, 1000, 1)]):
            rng = np.random.default_rng(seed)
            labels = rng.integers(0, classes, samples)
            outputs = noise * rng.normal(size=(samples, classes)).astype(np.float32)
            outputs[np.arange(samples), labels] += 1.5
            predicted = outputs.argmax(1)
            wanted = {"Accuracy": known.accuracy_score(labels, predicted), "Matthews": known.matthews_corrcoef(labels, predicted)}
            for average in ("macro", "micro", "weighted"):
                wanted["F1 " + average] = known.f1_score(labels, predicted, average=average)
                found = self.scores(outputs, labels, {"F1": average})
                self.expect(found, {"F1 " + average: wanted.pop("F1 " + average)}, (samples, classes))
            for k in (1, 2, 5):
                top = known.top_k_accuracy_score(labels, outputs, k=k, labels=np.arange(classes))
                self.expect(self.scores(outputs, labels, {"topk": k}), {f"top{k}": top}, (samples, classes))
            self.expect(self.scores(outputs, labels, {"Accuracy": {}, "GLUE": "cola"}), wanted, (samples, classes))

    def test_two_classes(self):
        for seed, (samples, share) in enumerate([(10, 0.5), (33, 0.2), (200, 0.7), (500, 0.05)]):
            rng = np.random.default_rng(seed)
            labels = (rng.random(samples) < share).astype(np.int64)
            labels[:2] = 0, 1
            outputs = rng.normal(size=(samples, 2)).astype(np.float32)
            outputs[:, 1] = np.round(outputs[:, 0] + rng.normal(size=samples) + labels, 1)
            outputs[:, 0] = np.round(outputs[:, 0], 1)
            predicted = outputs.argmax(1)
            wanted = {"F1 binary": known.f1_score(labels, predicted), "ROC": known.roc_auc_score(labels, outputs[:, 1].astype(float) - outputs[:, 0])}
            self.expect(self.scores(outputs, labels, {"F1": "binary", "ROC": {}}), wanted, (samples, share))
            self.expect(self.scores(outputs, labels, {"GLUE": "mrpc"}), {"F1 binary": wanted["F1 binary"]}, (samples, share))
            self.expect(self.scores(outputs[:, 1:], labels, {"ROC": {}}), {"ROC": known.roc_auc_score(labels, outputs[:, 1])}, (samples, share))

    def test_outputs_that_are_class_numbers(self):
        rng = np.random.default_rng(1)
        labels, outputs = rng.integers(0, 6, 80), rng.integers(0, 6, 80)
        self.expect(self.scores(outputs.reshape(80, 1), labels, {"Accuracy": {}, "F1": "macro"}),
                    {"Accuracy": known.accuracy_score(labels, outputs), "F1 macro": known.f1_score(labels, outputs, average="macro")}, "numbers")


class Values(Workspace):
    def test_errors(self):
        for seed, shape in enumerate([(1, 1), (20, 1), (30, 5), (9, 3, 4, 4), (101, 64)]):
            rng = np.random.default_rng(seed)
            outputs, labels = (rng.normal(size=shape).astype(np.float32) for _ in range(2))
            flat = labels.astype(float).ravel(), outputs.astype(float).ravel()
            mse = known.mean_squared_error(*flat)
            wanted = {"MSE": mse, "RMSE": mse**0.5, "MAE": known.mean_absolute_error(*flat)}
            self.expect(self.scores(outputs, labels, {"MSE": {}, "RMSE": {}, "MAE": {"compare_label": True}}), wanted, shape)
            itself = self.scores(outputs, labels, {"MSE": {"compare_label": False}, "RMSE": {"compare_label": False}, "MAE": {"compare_label": False}})
            self.expect(itself, dict.fromkeys(wanted, 0.0), "against the FP32 outputs, which are its own")

    def test_correlation(self):
        for seed, samples in enumerate([3, 40, 333]):
            rng = np.random.default_rng(seed)
            labels = np.round(5 * rng.random(samples), 1).astype(np.float32)
            outputs = np.round(labels + rng.normal(size=samples), 1).astype(np.float32).reshape(samples, 1)
            wanted = (stats.pearsonr(outputs[:, 0].astype(float), labels.astype(float))[0] + stats.spearmanr(outputs[:, 0], labels)[0]) / 2
            self.expect(self.scores(outputs, labels, {"GLUE": "sts-b"}), {"correlation": wanted}, samples)

    def test_weighted_sum(self):
        rng = np.random.default_rng(5)
        labels, outputs = rng.integers(0, 5, 90), rng.normal(size=(90, 5)).astype(np.float32)
        predicted = outputs.argmax(1)
        wanted = 0.25 * known.accuracy_score(labels, predicted) + 0.75 * known.f1_score(labels, predicted, average="macro")
        found = self.scores(outputs, labels, {"Accuracy": {}, "F1": "macro", "weight": [0.25, 0.75], "higher_is_better": [True, True]})
        self.assertAlmostEqual(list(found.values())[0], wanted, delta=ROUNDING)


class Places(Workspace):
    def test_intersection_over_union(self):
        for seed, (samples, classes, height, width) in enumerate([(1, 2, 4, 4), (5, 21, 6, 7), (12, 5, 3, 3)]):
            rng = np.random.default_rng(seed)
            labels = rng.integers(0, classes, (samples, height, width))
            outputs = rng.normal(size=(samples, classes, height, width)).astype(np.float32)
            outputs += np.moveaxis(np.eye(classes, dtype=np.float32)[labels], -1, 1)
            predicted = outputs.argmax(1)
            wanted = {"mIOU": known.jaccard_score(labels.ravel(), predicted.ravel(), average="macro")}
            self.expect(self.scores(outputs, labels, {"mIOU": classes}), wanted, "scores")
            self.expect(self.scores(np.moveaxis(outputs, 1, -1), labels, {"mIOU": {"num_classes": classes, "axis": -1}}), wanted, "scores at the end")
            self.expect(self.scores(predicted.astype(np.float32), labels, {"mIOU": {"num_classes": classes}}), wanted, "classes")
            labels[:, 0] = 255
            kept = labels != 255
            wanted = {"mIOU": known.jaccard_score(labels[kept], predicted[kept], average="macro")}
            self.expect(self.scores(outputs, labels, {"mIOU": classes}), wanted, "places without a class")


def share(a, b, crowd):
    """Of boxes x, y, width, height."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / (a[2] * a[3] if crowd else a[2] * a[3] + b[2] * b[3] - both)


def average_precision(pictures, label, threshold, low, high, most=100):
    """pictures: [(found [(score, label, box)], truth [(label, box, area, crowd)])]. None where nothing is to be found."""
    rows, wanted = [], 0
    for found, truth in pictures:
        boxes = [(box, crowd or not low <= area <= high, crowd) for l, box, area, crowd in truth if l == label]
        wanted += sum(not out for _, out, _ in boxes)
        free = [True] * len(boxes)
        for score, _, box in sorted((f for f in found if f[1] == label), key=lambda f: -f[0])[:most]:
            options = [(share(box, b, crowd), k) for k, (b, out, crowd) in enumerate(boxes)
                       if (free[k] or crowd) and share(box, b, crowd) >= threshold]
            inside = [o for o in options if not boxes[o[1]][1]]
            best = max(inside or options, default=None)
            if best is None:
                rows.append((score, 0, low <= box[2] * box[3] <= high))
            else:
                free[best[1]] = False
                rows.append((score, 1, not boxes[best[1]][1]))
    if not wanted:
        return None
    rows = [(right, judged) for _, right, judged in sorted(rows, key=lambda r: -r[0]) if judged]
    right = np.cumsum([r for r, _ in rows])
    precision, recall = right / np.arange(1, len(rows) + 1), right / wanted
    return float(np.mean([precision[recall >= r].max(initial=0) for r in np.linspace(0, 1, 101)]))


def mean_precision(pictures, thresholds, low=0.0, high=1e10, most=100):
    labels = {t[0] for _, truth in pictures for t in truth}
    values = [average_precision(pictures, label, t, low, high, most) for label in sorted(labels) for t in thresholds]
    values = [v for v in values if v is not None]
    return float(np.mean(values)) if values else None


class Boxes(Workspace):
    """Pictures whose pixels are the detections: each row of two is x, y, width, height, score times 255, class."""

    ROWS, CLASSES = 30, 4

    def model(self):
        rows = self.ROWS
        nodes = [node("Reshape", ["x", "form"], ["r"]), node("Slice", ["r", "zero", "four", "two"], ["boxes"]),
                 node("Slice", ["r", "four", "five", "two"], ["s"]), node("Reshape", ["s", "flat"], ["s1"]), node("Div", ["s1", "most"], ["scores"]),
                 node("Slice", ["r", "five", "six", "two"], ["c"]), node("Reshape", ["c", "flat"], ["classes"])]
        weights = {"form": np.int64([-1, rows, 6]), "flat": np.int64([-1, rows]), "most": np.float32(255), "zero": np.int64([0]),
                   "two": np.int64([2]), "four": np.int64([4]), "five": np.int64([5]), "six": np.int64([6])}
        return network(nodes, {"x": (["N", rows, 2, 3], "float32")}, {"boxes": ["N", rows, 4], "scores": ["N", rows], "classes": ["N", rows]}, weights)

    def pictures(self, seed, count, crowds):
        from PIL import Image
        rng = np.random.default_rng(seed)
        file = {"images": [], "annotations": [], "categories": [{"id": c, "name": str(c)} for c in range(self.CLASSES)]}
        pictures = []
        (self.folder / "val2017").mkdir()
        for p in range(count):
            truth = []
            for _ in range(rng.integers(0, 7)):
                x, y, w, h = rng.integers(0, 2), rng.integers(0, self.ROWS), rng.integers(1, 140), rng.integers(1, 140)
                box, label = [int(v) for v in (x, y, w, h)], int(rng.integers(0, self.CLASSES))
                truth.append((label, box, float(w * h * rng.uniform(0.4, 1)), bool(crowds and rng.random() < 0.2)))
            rows = np.zeros((self.ROWS, 6), np.uint8)
            for k in range(self.ROWS):
                near = truth[rng.integers(len(truth))] if truth and rng.random() < 0.8 else (0, rng.integers(0, 100, 4), 0, False)
                rows[k, :4] = np.clip(np.asarray(near[1]) + rng.integers(-6, 7, 4), 0, 255)
                rows[k, 4], rows[k, 5] = rng.integers(0, 40), near[0] if rng.random() < 0.9 else rng.integers(0, self.CLASSES)
            Image.fromarray(rows.reshape(self.ROWS, 2, 3)).save(self.folder / "val2017" / f"{p}.png")
            file["images"].append({"id": p, "file_name": f"{p}.png", "width": 2, "height": self.ROWS})
            file["annotations"] += [{"image_id": p, "category_id": l, "bbox": b, "area": a, "iscrowd": int(c)} for l, b, a, c in truth]
            found = [(float(np.float32(r[4]) / np.float32(255)), int(r[5]), [float(v) for v in r[:4]]) for r in rows]
            pictures.append((found, truth))
        (self.folder / "i.json").write_text(json.dumps(file))
        return pictures

    def value(self, metric, parameters):
        return self.evaluate({"metric": {metric: {"box_format": "xywh", "box_unit": "pixels"} | parameters}, "dataloader": {
            "batch_size": 3, "dataset": {"COCORaw": {"root": ".", "img_dir": "val2017", "anno_dir": "i.json"}}, "transform": {"Cast": "float32"}}})

    def test_mean_average_precision(self):
        onnx.save(self.model(), self.folder / "m.onnx")
        everywhere = np.linspace(0.5, 0.95, 10)
        for seed, (count, crowds) in enumerate([(1, False), (10, False), (40, False), (40, True), (25, True)]):
            pictures = self.pictures(seed + 1, count, crowds)
            result = self.value("COCOmAP", {})
            self.assertAlmostEqual(result["accuracy"], mean_precision(pictures, everywhere), delta=ROUNDING, msg=seed)
            for name, thresholds, range_ in (("AP50", [0.5], (0, 1e10)), ("AP75", [0.75], (0, 1e10)), ("AP small", everywhere, (0, 32**2)),
                                             ("AP medium", everywhere, (32**2, 96**2)), ("AP large", everywhere, (96**2, 1e10))):
                wanted = mean_precision(pictures, thresholds, *range_)
                if wanted is None:
                    self.assertNotIn(name, result["details"])
                else:
                    self.assertAlmostEqual(result["details"][name], wanted, delta=ROUNDING, msg=f"{name} {seed}")
            found = self.value("COCOmAP", {"max_detections": 2, "iou_thrs": [0.3, 0.5], "area": "all"})["accuracy"]
            self.assertAlmostEqual(found, mean_precision(pictures, [0.3, 0.5], most=2), delta=ROUNDING, msg=f"two detections, {seed}")
            shutil.rmtree(self.folder / "val2017")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], warnings="ignore")
