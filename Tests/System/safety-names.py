#!/usr/bin/env python3
"""Every test that Documentation/safety.md names exists, in the suite it is said to be in, and so does every file."""
import pathlib, re, sys

root = pathlib.Path(__file__).resolve().parents[2]
text = (root / "Documentation/safety.md").read_text()

suites = {}  # name: [(path, string literals)]
for path in (root / "Tests").rglob("*.swift"):
    source = path.read_text()
    literals = {re.sub(r'\\(["\\])', r"\1", literal) for literal in re.findall(r'"((?:[^"\\\n]|\\.)*)"', source)}
    for suite in re.findall(r"(?:struct|class) (\w+Tests)\b", source):
        suites.setdefault(suite, []).append((path, literals))

faults, count = [], 0
# A suite's tests follow it in its cell of a table, or in its paragraph.
for block in re.split(r"\n\s*\n|(?<!\\)\||\n(?=[|#-])", text):
    block = re.sub(r"\s+", " ", block)
    for match in re.finditer(r"(?:(\w+)['’]s? )?`(\w+Tests)`((?:(?!`\w+Tests`).)*)", block):
        module, suite, rest = match.groups()
        places = [
            (path, literals)
            for path, literals in suites.get(suite, [])
            if module is None or f"{module}Tests" in path.parts
        ]
        if not places:
            faults.append(f"there is no suite {module + ' ' if module else ''}{suite}")
        known = set().union(*(literals for _, literals in places))
        for name in re.findall(r"\*([^*]+)\*", rest):
            count += 1
            if name not in known:
                faults.append(f"{suite} has no test «{name}»")
for path in re.findall(r"`((?:Tests|tools|Sources)/[\w./+-]+)`", text):
    count += 1
    if not (root / path).exists():
        faults.append(f"there is no {path}")
for path in re.findall(r"\]\(([\w./-]+\.md)\)", text):
    count += 1
    if not (root / "Documentation" / path).exists():
        faults.append(f"there is no {path}")
for fault in faults:
    print(f"safety.md: {fault}", file=sys.stderr)
if faults or count < 100:
    sys.exit(f"{len(faults)} of {count} names in safety.md are not there")
print(f"{count} tests and files named in safety.md exist")
