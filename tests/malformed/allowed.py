"""What may change numbers without a word: damage that leaves a file which means something else, correctly written.

Nobody can see that a count was changed; that a unit is not one, everybody can. Kind and class of mutation -> why.
"""
ALLOWED = {
}


def is_allowed(verdict):
    "Whether a change without a word is explained."
    return (verdict.kind, verdict.group) in ALLOWED or ("*", verdict.group) in ALLOWED
