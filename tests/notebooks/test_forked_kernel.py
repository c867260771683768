"""A forked kernel is a kernel like any other, but for what is imported already."""

import os

import pytest
from jupyter_client.manager import start_new_kernel
from jupyter_client.provisioning import KernelProvisionerFactory

from book._kit import forked_kernel


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """Start a kernel in an empty folder; `kernel(code)` is what the code prints."""
    factory = KernelProvisionerFactory.instance()
    monkeypatch.setattr(factory, "provisioners", dict(factory.provisioners))
    before = factory.default_provisioner_name
    forked_kernel.fork_kernels("wave")
    managers = []

    def start(**environment):
        manager, client = start_new_kernel(
            cwd=str(tmp_path), env={**os.environ, **environment}
        )
        managers.append((manager, client))

        def run(code):
            printed = []
            reply = client.execute_interactive(
                code,
                timeout=60,
                output_hook=lambda message: printed.append(message["content"]),
            )
            assert reply["content"]["status"] == "ok", reply["content"]
            return "".join(content.get("text", "") for content in printed)

        return run

    yield start
    for manager, client in managers:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        assert not manager.is_alive()
    factory.default_provisioner_name = before


LOOK = "import os, sys; print('wave' in sys.modules, os.getcwd(), os.environ['COLOR'])"


def test_the_library_is_there_before_the_import(kernel, tmp_path):
    assert kernel(COLOR="blue")(LOOK) == f"True {tmp_path} blue\n"


def test_two_kernels_share_nothing(kernel):
    first, second = kernel(COLOR="blue"), kernel(COLOR="red")
    first("import wave; wave.mark = 1; x = 2")
    assert second("import wave; print(hasattr(wave, 'mark'), 'x' in dir())") == (
        "False False\n"
    )
    ids = "import os; print(os.getpid(), os.getsid(0))"
    (pid, session), (other, another) = first(ids).split(), second(ids).split()
    assert pid == session != other == another
