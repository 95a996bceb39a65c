#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Whether the schema of fault rules is one, and means to another validator what it means to us. Reports in TAP.

usage: schema_test.py SCHEMA VERDICT
VERDICT is the program schema_verdict. Texts are made of one that is accepted, by changing each of its places in many ways;
what the schema alone can tell, both refuse or both accept.
"""
import copy
import json
import subprocess
import sys

import jsonschema

RULE = {
    "name": "a", "do": {"delay": "10 ms"},
    "when": {"on": "dma", "device": "00:02.0", "pasid": 3, "address": {"from": "0x1000", "to": 8191}, "access": "read",
             "code": "0x10", "nth": 3, "every": 2, "probability": 0.5, "times": 4, "between": {"from": "1 ms", "to": "2 ms"},
             "after": {"on": "entry", "device": "0000:00:1f.7", "pasid": "none", "entry-address": 4096, "count": 2}}}
DEEDS = [("translation", {"fault": "NoWrite"}), ("translation", {"fault": 5}), ("translation", {"wrong-page": -1}),
         ("dma", {"refuse": True}), ("entry", {"flip-bit": 12}), ("completion", {"drop": True}),
         ("page-answer", {"silence": True}), ("invalidation", {"stick": True}), ("fault", {"full-log": True}),
         ("dma", {"interrupt": {"device": "00:02.0", "vector": 1}}), ("dma", {"interrupt": {"unit": "fault"}}),
         ("dma", {"remove": {"device": "00:02.0"}}), ("packet", {"hang": True})]
VALUES = [None, True, False, 0, 1, -1, 5, 256, 2048, 1048576, 4294967296, 18446744073709551615, 18446744073709551616,
          -4503599627370496, 0.5, 1.5, 1e300, "", "none", "x", "0x", "0x1", "0xfff", "0xfffff", "0x100000", "0x100000000",
          "0xFFFFFFFFFFFFFFFF", "0x10000000000000000", "0xg", " 0x1", "1", "10 ms", "10ms", "10  ms", "10 m", "-1 s", "1.5 s",
          "00:02.0", "0000:ff:1f.7", "0001:00:02.0", "00:20.0", "00:02.8", "00x02.0", "NoWrite", "noWrite", "No Write",
          "dma", "walk", "reset", "write", "a\nb", "\u00e4" * 64, "y" * 64, "y" * 65, [], [1], {}, {"device": "00:02.0"},
          {"from": 1}, {"to": 1}, {"from": 1, "to": 2}, {"from": "1 ms"}, {"unit": "fault"}, {"unit": "x"}, {"vector": 1}]


def places(value, path=()):
    """Each place in a document, as the keys that lead there."""
    yield path
    if isinstance(value, (dict, list)):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], path + (key,))


def changed(document, path, change):
    """A copy in which `change` was done to what is there; None stands for the document itself."""
    document = [copy.deepcopy(document)]
    at = document
    for key in (0,) + path[:-1] if path else ():
        at = at[key]
    change(at, path[-1] if path else 0)
    return document[0]


def corpus():
    documents = [{"seed": 7, "rules": [RULE]}, {"rules": []}, {"$schema": "here", "rules": []}, [], 5, None, "rules"]
    for subject, deed in DEEDS:
        documents.append({"seed": "0x7", "rules": [{"when": {"on": subject}, "do": deed}]})
    for count in (256, 257):
        documents.append({"rules": [{"when": {"on": "dma"}, "do": {"refuse": True}}] * count})
    originals = [documents[0]] + documents[7:7 + len(DEEDS)]
    for document in originals:
        for path in places(document):
            documents += [changed(document, path, lambda at, key, new=new: at.__setitem__(key, new)) for new in VALUES]
            if path:
                documents.append(changed(document, path, lambda at, key: at.pop(key)))
            if path and isinstance(path[-1], str):
                documents.append(changed(document, path, lambda at, key: at.__setitem__(key + "s", at[key])))
    return documents


def report(results):
    print(f"TAP version 13\n1..{len(results)}")
    for number, (good, name, notes) in enumerate(results, 1):
        print(f"{'ok' if good else 'not ok'} {number} - {name}")
        print("".join(f"# {note}\n" for note in notes[:20]), end="")


def main(schema_path, program):
    with open(schema_path, encoding="utf-8") as file:
        schema = json.load(file)
    try:
        jsonschema.Draft4Validator.check_schema(schema)
        results = [(True, "the schema is one of draft 4", [])]
    except jsonschema.SchemaError as error:
        results = [(False, "the schema is one of draft 4", [str(error).splitlines()[0]])]
    validator = jsonschema.Draft4Validator(schema)

    documents = corpus()
    texts = [json.dumps(document, ensure_ascii=False) for document in documents]
    run = subprocess.run([program], input="\n".join(texts) + "\n", stdout=subprocess.PIPE, encoding="utf-8", timeout=60,
                         check=False)
    verdicts = [line.split(" ", 1)[0] for line in run.stdout.splitlines()]
    results.append((run.returncode == 0 and len(verdicts) == len(texts), "each text has a verdict", []))

    differ = []
    for document, text, verdict, line in zip(documents, texts, verdicts, run.stdout.splitlines()):
        if validator.is_valid(document) != (verdict in ("accepted", "meaning")):
            differ.append(f"{line}: {text[:300]}")
    results.append((not differ, f"{len(texts)} texts are to both validators what they are to the other", differ))
    seen = {verdict: verdicts.count(verdict) for verdict in set(verdicts)}
    enough = min(seen.get(verdict, 0) for verdict in ("accepted", "schema", "meaning")) >= 25 and "json" not in seen
    results.append((enough, f"there are texts of each sort: {dict(sorted(seen.items()))}", []))
    report(results)
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
