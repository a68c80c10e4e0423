"""Reads a tree's metrics as Prometheus does: read_metrics.py FILE [SAMPLE{LABEL=VALUE,…}[>NUMBER]…].

Each sample must be there, and be above the number (or not negative).
"""

import re
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus


def samples(text, parse):
    found = {}
    for family in parse(text):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            if key in found:
                sys.exit(f"{sample.name} {sample.labels} is there twice")
            found[key] = sample.value
    return found


def main(path, *wanted):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    found = samples(text, openmetrics)
    # node_exporter's textfile collector takes the older form, which this is as well.
    if samples(text, prometheus) != found:
        sys.exit(f"{path}: another parser reads other samples")
    for want in wanted:
        name, labels, _, bound = re.fullmatch(r"(\w+)\{(.*)\}(>(-?\d+))?", want).groups()
        labels = frozenset(tuple(label.split("=")) for label in labels.split(",") if label)
        matching = [value for (other, has), value in found.items() if other == name and labels <= has]
        if not matching or max(matching) <= int(bound or -1):
            sys.exit(f"{path}: {want} is not so: {matching}")
    print(f"{path}: {len(found)} samples")


main(*sys.argv[1:])
