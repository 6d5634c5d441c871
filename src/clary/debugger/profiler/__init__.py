"""The profiler's rules: what a job's system metrics and step times say of how it used its machine.

    profile.py   metrics files and step times, read as arrays
    check.py     `ProfilerCheck`: a rule over a profile, in words
    gpus.py      LowGPUUtilization, BatchSize, CPUBottleneck, IOBottleneck, GPUMemoryIncrease, LoadBalancing
    steps.py     StepOutlier, MaxInitializationTime, Dataloader
    usage.py     OverallSystemUsage
    report.py    ProfilerReport's page
    catalog.py   all of them by AWS's name
    evaluate.py  follows a job until a rule's condition is met or the job has ended

Parameters and defaults are those of the SDK's `smdebug_rulesconfig`. A rule says so when a job gave it nothing
to look at: most of AWS's are about GPUs.
"""
