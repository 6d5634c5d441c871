"""The process engine's parts: the sandbox's walls, the log's lines, paths without a sandbox."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clary.engines import sandbox
from clary.engines.ports import ContainerSpec, EngineError, Mount, Observation
from clary.engines.process import ProcessEngine
from clary.engines.supervisor import output
from clary.engines.translation import translator


async def finish(engine: ProcessEngine, spec: ContainerSpec) -> tuple[Observation, list[str]]:
    async for state in engine.launch(spec):  # noqa: B007 - the last one stands
        pass
    seen = await engine.wait(state)
    return seen, [line.partition(" ")[2] for line in engine.log_path(state).read_text().splitlines()]


class TestSandbox:
    @pytest.fixture
    def shell(self, tmp_path: Path) -> ContainerSpec:
        report = sandbox.sandbox_report()
        if report.bwrap is None:
            pytest.skip(report.reason)
        for name in ("ml", "data", "secret"):
            (tmp_path / name).mkdir()
        (tmp_path / "secret" / "key").write_text("s")
        return ContainerSpec(
            "job", (), tmp_path / "run",
            (Mount(tmp_path / "data", "/opt/ml/data"), Mount(tmp_path / "ml", "/opt/ml", writable=True)),
            {"PATH": "/usr/bin:/bin", "HOME": sandbox.HOME}, "/opt/ml", hostname="algo-7",
        )  # fmt: skip

    def run(self, shell: ContainerSpec, script: str) -> tuple[Observation, list[str]]:
        engine = ProcessEngine(shell.run_dir.parent, sandbox="always")
        spec = ContainerSpec(
            shell.key, ("/bin/sh", "-c", script), shell.run_dir, shell.mounts, shell.env, shell.cwd,
            hostname=shell.hostname,
        )  # fmt: skip
        return asyncio.run(finish(engine, spec))

    @pytest.mark.parametrize("path", ["/opt/ml/data/x", "/usr/x", "/etc/x", "/x", "/opt/x", "/sys/x"])
    def test_is_closed_for_writing(self, shell: ContainerSpec, path: str) -> None:
        seen, said = self.run(shell, f"echo x > {path}")
        assert seen.code not in (0, None)
        assert any("Read-only file system" in line or "Permission denied" in line for line in said)

    @pytest.mark.parametrize("path", ["/opt/ml/x", "/tmp/x", "/var/tmp/x", "/dev/shm/x", "~/x"])
    def test_is_open_for_writing(self, shell: ContainerSpec, path: str) -> None:
        seen, said = self.run(shell, f"echo x > {path} && cat {path}")
        assert (seen.code, said) == (0, ["x"])

    def test_hides_the_server_s_files(self, shell: ContainerSpec) -> None:
        secret = shell.run_dir.parent / "secret" / "key"
        seen, _ = self.run(shell, f"cat {secret} || ls {shell.run_dir} || ls {Path.home()}/.[a-z]*")
        assert seen.code != 0

    def test_keeps_tmp_apart(self, shell: ContainerSpec) -> None:
        with tempfile.NamedTemporaryFile(dir="/tmp") as mine:
            seen, said = self.run(shell, f"ls /tmp; echo x > /tmp/theirs; test ! -e {mine.name}")
        assert (seen.code, said) == (0, [])
        assert (shell.run_dir / "tmp" / "theirs").exists()

    def test_has_its_own_processes_user_and_name(self, shell: ContainerSpec) -> None:
        script = "id -u; id -un; hostname; ls -d /proc/[0-9]* | wc -l; getent hosts algo-7 | cut -c1-9"
        _, said = self.run(shell, script)
        assert said[:3] == ["1000", "clary", "algo-7"]
        assert int(said[3]) < 8
        assert said[4] == "127.0.0.1"

    def test_has_no_capabilities(self, shell: ContainerSpec) -> None:
        _, said = self.run(shell, "grep Cap /proc/self/status")
        assert {int(line.split()[1], 16) for line in said if "CapBnd" not in line} == {0}

    def test_shows_no_environment_to_the_machine(self, shell: ContainerSpec) -> None:
        """Command lines are public: the monitor's must not hold what the environment does."""
        os.mkfifo(shell.run_dir.parent / "ml" / "go")
        secret = {**shell.env, "PASSWORD": "hunter2"}
        spec = ContainerSpec(
            "job", ("/bin/sh", "-c", "echo up; read x < go"), shell.run_dir, shell.mounts, secret, "/opt/ml"
        )
        engine = ProcessEngine(shell.run_dir.parent, sandbox="always")

        async def work() -> bytes:
            async for state in engine.launch(spec):  # noqa: B007 - the last one stands
                pass
            go = await asyncio.to_thread(os.open, shell.run_dir.parent / "ml" / "go", os.O_WRONLY)
            told = b"".join(
                path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.parent.exists()
            )
            os.close(go)
            await engine.wait(state)
            return told

        told = asyncio.run(work())
        assert b"read x < go" in told
        assert b"hunter2" not in told

    def test_asked_for_but_not_to_be_had(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        sandbox.sandbox_report.cache_clear()
        monkeypatch.setenv("PATH", str(tmp_path))
        try:
            report = sandbox.sandbox_report()
            assert report.bwrap is None
            assert "not installed" in report.reason
            assert "bubblewrap" in report.advice
            spec = ContainerSpec("job", ("/bin/true",), tmp_path / "run")
            with pytest.raises(EngineError, match="bubblewrap"):
                asyncio.run(finish(ProcessEngine(tmp_path, sandbox="always"), spec))
            seen, _ = asyncio.run(finish(ProcessEngine(tmp_path, sandbox="auto"), spec))
            assert seen.code == 0
        finally:
            sandbox.sandbox_report.cache_clear()

    def test_that_does_not_work_says_why(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        broken = tmp_path / "bwrap"
        broken.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2; exit 1\n")
        broken.chmod(0o755)
        sandbox.sandbox_report.cache_clear()
        monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
        try:
            report = sandbox.sandbox_report()
        finally:
            sandbox.sandbox_report.cache_clear()
        assert report.bwrap is None
        assert "No permissions to create new namespace" in report.reason
        assert "namespaces" in report.advice


def logged(path: Path) -> list[bytes]:
    return [line.partition(b" ")[2] for line in path.read_bytes().split(b"\n")[:-1]]


class TestLog:
    @given(
        st.lists(st.binary(max_size=12) | st.sampled_from([b"\n", b"\r", b"a\nb", b"\n\n"]), max_size=20),
    )
    def test_holds_the_bytes_however_they_come(self, chunks: list[bytes]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "log"
            log = output.Log(str(path), 1 << 20)
            for chunk in chunks:
                log.feed(chunk, 0.0)
            log.close()
            whole = b"".join(chunks)
            assert b"\n".join(logged(path)) == whole.removesuffix(b"\n")
            unfinished = whole != b"" and not whole.endswith(b"\n")
            assert path.read_bytes().count(b"\n") == whole.count(b"\n") + unfinished

    def test_a_silent_program_s_unfinished_line_is_written_after_a_second(self, tmp_path: Path) -> None:
        path = tmp_path / "log"
        log = output.Log(str(path), 1 << 20)
        log.feed(b"prompt> ", 10.0)
        assert log.due() == 11.0
        log.tick(10.9)
        assert logged(path) == []
        log.tick(11.0)
        assert logged(path) == [b"prompt> "]
        assert log.due() is None
        log.feed(b"answer\n", 12.0)
        assert logged(path) == [b"prompt> ", b"answer"]

    def test_a_progress_bar_is_cut_at_a_carriage_return(self, tmp_path: Path) -> None:
        path = tmp_path / "log"
        log = output.Log(str(path), 1 << 20)
        for step in range(25):
            log.feed(b"\r%d/25" % step, 10.0 + step / 10)
            log.tick(10.0 + step / 10)
        assert len(logged(path)) == 2
        log.feed(b"\n", 13.0)
        joined = b"\r".join(logged(path))
        assert joined == b"".join(b"\r%d/25" % step for step in range(25))

    def test_a_line_without_end_is_split(self, tmp_path: Path) -> None:
        path = tmp_path / "log"
        log = output.Log(str(path), 1 << 30)
        text = bytes(range(97, 123)) * 30_000
        for start in range(0, len(text), 65_536):
            log.feed(text[start : start + 65_536], 0.0)
        log.feed(b"\n", 0.0)
        log.feed(text + b"\nend\n", 0.0)
        log.close()
        found = logged(path)
        assert max(map(len, found)) == output.LINE
        assert b"".join(found) == text + text + b"end"

    def test_goes_on_after_its_limit_in_what_is_kept_of_the_end(self, tmp_path: Path) -> None:
        path = tmp_path / "log"
        log = output.Log(str(path), 1000)
        for number in range(20_000):
            log.feed(b"line %d\n" % number, 0.0)
        log.close()
        found = logged(path)
        assert found[0] == b"line 0"
        assert found[-1] == b"line 19999"
        assert path.stat().st_size < 1000 + output.TAIL + 300


class TestTranslation:
    @pytest.mark.parametrize(
        ("given_", "expected"),
        [
            ("/opt/ml", "/host/ml"),
            ("/opt/ml/model", "/host/ml/model"),
            ("/opt/ml/code/a.py", "/host/code/a.py"),
            ("--dir=/opt/ml/model", "--dir=/host/ml/model"),
            ("/opt/ml/code:/usr/lib:/opt/ml", "/host/code:/usr/lib:/host/ml"),
            ('{"a":"/opt/ml/model","b":["/opt/ml"]}', '{"a":"/host/ml/model","b":["/host/ml"]}'),
            ("chmod +x /opt/ml/run.sh && /opt/ml/run.sh", "chmod +x /host/ml/run.sh && /host/ml/run.sh"),
            ("s3://bucket/opt/ml/x", "s3://bucket/opt/ml/x"),
            ("/opt/mlflow", "/opt/mlflow"),
            ("/env/bin/python", "/env/bin/python"),
            ("", ""),
        ],
    )
    def test_of(self, given_: str, expected: str) -> None:
        translate = translator(
            [
                Mount(Path("/host/ml"), "/opt/ml", True),
                Mount(Path("/host/code"), "/opt/ml/code"),
                Mount(Path("/env"), "/env"),
            ]
        )
        assert translate(given_) == expected
