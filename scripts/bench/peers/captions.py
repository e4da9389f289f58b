"""Times pycocoevalcap on two files, stage by stage: python captions.py ANNOTATIONS RESULTS METRIC,… > JSON.

Needs pycocoevalcap in an environment of its own, and Java.
"""

import contextlib
import json
import resource
import sys
import time


def main():
    annotations, results, wanted = sys.argv[1:]
    wanted = wanted.split(",")
    seconds = {}
    with contextlib.redirect_stdout(sys.stderr):  # it prints as it goes
        from pycocoevalcap.bleu.bleu import Bleu
        from pycocoevalcap.cider.cider import Cider
        from pycocoevalcap.meteor.meteor import Meteor
        from pycocoevalcap.rouge.rouge import Rouge
        from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

        with open(annotations) as file:
            truth = json.load(file)
        with open(results) as file:
            given = json.load(file)
        begin = time.perf_counter()
        references = {image["id"]: [] for image in truth["images"]}
        for annotation in truth["annotations"]:
            references[annotation["image_id"]].append(annotation)
        tokenizer = PTBTokenizer()
        references = tokenizer.tokenize(references)
        captions = tokenizer.tokenize({result["image_id"]: [result] for result in given})
        seconds["tokenize"] = time.perf_counter() - begin
        scores = {}
        metrics = {"bleu": lambda: Bleu(4), "rouge-l": Rouge, "cider": Cider, "meteor": Meteor}
        for name in wanted:
            begin = time.perf_counter()
            scores[name], _ = metrics[name]().compute_score(references, captions)
            seconds[name] = time.perf_counter() - begin
    peaks = [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    json.dump({"seconds": seconds, "scores": scores, "peakMB": max(peaks)}, sys.stdout, default=float)


main()
