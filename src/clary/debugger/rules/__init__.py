"""Debugger's built-in rules: each a declaration of parameters and a condition on a trial's tensors.

    reading.py         what a rule may ask of a trial (smdebug's API); which tensors a rule means
    check.py           `Check`: a rule's parameters, from the text that a request brings; its answer in words
    losses.py, fitting.py, gradients.py, weights.py, activations.py, tensors.py, classes.py, inputs.py, trees.py,
    runs.py            the rules, by subject
    xgboost_report.py  CreateXgboostReport's page
    catalog.py         all of them by AWS's name
    rule.py            smdebug's `Rule`, for rules that users write
    evaluate.py        follows a trial, step by step, until a rule's condition is met or the trial ends
    program.py         what runs in an evaluation's container

Parameters, defaults and conditions are those of AWS's page "List of Debugger built-in rules". Like the reader,
this package needs NumPy and nothing of Clary: it runs in an environment of its own, beside the job it judges.
"""
