"""Measures a model and writes {throughput (images a second), latency (median ms of an image), accuracy}:
profile_inc.py CONFIG MODEL.onnx OUT.json [--duration SECONDS] [--report report.json --part baseline|result]

Runs $INC_CPP, or inc-cpp from the PATH. With a report of `inc-cpp quantize` the accuracy is the one it holds, for data
without labels; otherwise it is measured.
"""
import argparse
import json
import os
import subprocess


def measured(*arguments: str) -> dict:
    """What `inc-cpp ARGUMENTS --json` prints."""
    command = [os.environ.get("INC_CPP", "inc-cpp"), *arguments, "--json"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config")
    parser.add_argument("model")
    parser.add_argument("out")
    parser.add_argument("--duration", default="5")
    parser.add_argument("--report")
    parser.add_argument("--part", choices=("baseline", "result"), default="result")
    arguments = parser.parse_args()
    model = ("--config", arguments.config, "--model", arguments.model)
    speed = measured("benchmark", *model, "--duration", arguments.duration)
    if arguments.report:
        with open(arguments.report) as f:
            accuracy = json.load(f)[arguments.part]["accuracy"]
    else:
        accuracy = measured("evaluate", *model)["accuracy"]
    latency = speed["latency_ms"]["p50"] / speed["batch"]
    result = {"throughput": 1000 / latency, "latency": latency, "accuracy": accuracy}
    with open(arguments.out, "w") as f:
        json.dump(result, f, indent=2)
        f.write("\n")
    print(f"{arguments.out}: " + ", ".join(f"{key} {value:.4g}" for key, value in result.items()))


if __name__ == "__main__":
    main()
