"""The SDK's processors, v2's and v3's, unchanged: their scripts really run, and their outputs come back."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.clients import Client, client_python
from tests.support.process import ROLE, Clary

pytestmark = pytest.mark.slow

INTERPRETER = {"interpreter": sys.executable}
ALIASES = json.dumps({"*/sagemaker-scikit-learn:*": INTERPRETER, "*/plain:*": INTERPRETER})


@pytest.fixture(scope="module")
def clary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clary]:
    """Images stand for the interpreter that runs the tests: no environment has to be built."""
    with Clary(tmp_path_factory.mktemp("clary") / "home", image_aliases=ALIASES) as server:
        yield server


V2 = """
import json, os, sagemaker
from sagemaker.processing import FrameworkProcessor, ProcessingInput, ProcessingOutput, ScriptProcessor
from sagemaker.sklearn.estimator import SKLearn
from sagemaker.sklearn.processing import SKLearnProcessor

session, role = sagemaker.Session(), "%(role)s"
bucket = session.default_bucket()
os.makedirs("source", exist_ok=True)
open("data.csv", "w").write("1\\n2\\n3\\n")
open("source/helper.py", "w").write("FACTOR = 10")
open("source/main.py", "w").write('''
import sys, helper
lines = [int(line) for line in open("/opt/ml/processing/input/in/data.csv")]
open("/opt/ml/processing/output/sum.txt", "w").write(str(sum(lines) * helper.FACTOR))
print("framework", sys.argv[1:])
''')
open("script.py", "w").write('''
import sys
lines = [int(line) for line in open("/opt/ml/processing/input/in/data.csv")]
open("/opt/ml/processing/output/sum.txt", "w").write(str(sum(lines)))
print("script", sys.argv[1:])
''')
place = dict(inputs=[ProcessingInput(source="data.csv", destination="/opt/ml/processing/input/in")])
def outputs(name):
    return [ProcessingOutput(output_name="sum", source="/opt/ml/processing/output",
                             destination="s3://%%s/out/%%s" %% (bucket, name))]
machine = dict(role=role, instance_count=1, instance_type="ml.t3.medium", sagemaker_session=session)
plain = "000000000000.dkr.ecr.us-east-1.amazonaws.com/plain:1"
processors = {
    "script": (ScriptProcessor(image_uri=plain, command=["python3"], **machine), dict(code="script.py")),
    "sklearn": (SKLearnProcessor(framework_version="1.2-1", **machine), dict(code="script.py")),
    "framework": (FrameworkProcessor(estimator_cls=SKLearn, framework_version="1.2-1", **machine),
                  dict(code="main.py", source_dir="source")),
}
found = {}
for name, (processor, code) in processors.items():
    processor.run(arguments=["--name", name], outputs=outputs(name), wait=False, logs=False, **place, **code)
for name, (processor, code) in processors.items():
    processor.jobs[-1].wait(logs=name == "script")
    described = processor.jobs[-1].describe()
    text = session.read_s3_file(bucket, "out/%%s/sum.txt" %% name)
    found[name] = [described["ProcessingJobStatus"], text]
print("RESULT" + json.dumps(found))
"""


def test_sdk_v2_processors(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    output = client.script(client_python("v2"), V2 % {"role": ROLE}).stdout
    result = json.loads(output.split("RESULT")[1].splitlines()[0])
    assert result == {
        "script": ["Completed", "6"],
        "sklearn": ["Completed", "6"],
        "framework": ["Completed", "60"],
    }
    assert "script ['--name', 'script']" in output, "the log was shown while it waited"


V3 = """
import os
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.processing import FrameworkProcessor, ScriptProcessor
from sagemaker.core.shapes import ProcessingInput, ProcessingOutput, ProcessingS3Input, ProcessingS3Output

session = Session()
bucket = session.default_bucket()
open("script.py", "w").write("open('/opt/ml/processing/output/x', 'w').write('from v3')")
processor = ScriptProcessor(
    role="%(role)s", image_uri="000000000000.dkr.ecr.us-east-1.amazonaws.com/plain:1", command=["python3"],
    instance_count=1, instance_type="ml.t3.medium", sagemaker_session=session,
)
target = ProcessingS3Output(s3_uri="s3://%%s/v3" %% bucket, local_path="/opt/ml/processing/output", s3_upload_mode="EndOfJob")
processor.run(code="script.py", outputs=[ProcessingOutput(output_name="x", s3_output=target)], wait=True, logs=False)
os.makedirs("v3", exist_ok=True)
open("v3/helper.py", "w").write("WORD = 'framework'")
open("v3/main.py", "w").write("import helper; open('/opt/ml/processing/output/y', 'w').write(helper.WORD)")
framework = FrameworkProcessor(
    role="%(role)s", image_uri="000000000000.dkr.ecr.us-east-1.amazonaws.com/plain:1", command=["python3"],
    instance_count=1, instance_type="ml.t3.medium", sagemaker_session=session,
)
output = ProcessingOutput(output_name="y", s3_output=target)
framework.run(code="main.py", source_dir="v3", outputs=[output], wait=True, logs=False)
print("RESULT" + session.read_s3_file(bucket, "v3/x") + " and " + session.read_s3_file(bucket, "v3/y"))
"""


def test_sdk_v3_processors(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    output = client.script(client_python("v3"), V3 % {"role": ROLE}).stdout
    assert output.split("RESULT")[1].strip() == "from v3 and framework"


REQUIREMENTS = """
import os, sagemaker
from sagemaker.processing import FrameworkProcessor, ProcessingOutput
from sagemaker.sklearn.estimator import SKLearn

session = sagemaker.Session()
os.makedirs("source", exist_ok=True)
open("source/requirements.txt", "w").write("humanize==4.9.0\\n")
open("source/main.py", "w").write('''
import humanize, sklearn
open("/opt/ml/processing/output/told.txt", "w").write(humanize.intword(10**6) + " " + sklearn.__version__)
''')
processor = FrameworkProcessor(estimator_cls=SKLearn, framework_version="1.2-1", role="%(role)s", instance_count=1,
                               instance_type="ml.t3.medium", sagemaker_session=session)
target = "s3://%%s/told" %% session.default_bucket()
processor.run(code="main.py", source_dir="source", logs=False,
              outputs=[ProcessingOutput(source="/opt/ml/processing/output", destination=target)])
print("RESULT" + session.read_s3_file(session.default_bucket(), "told/told.txt"))
"""


def test_requirements_of_a_framework_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the image's own environment; the driver's `pip install -r` finds all there."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    with Clary(tmp_path / "home") as clary:
        found = clary.connection
        user = Client(tmp_path / "user", found.url, (found.access_key, found.secret_key))
        output = user.script(client_python("v2"), REQUIREMENTS % {"role": ROLE}).stdout
    assert output.split("RESULT")[1].strip() == "1.0 million 1.2.1"
