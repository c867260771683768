"""Kernels forked from a process that has imported the large libraries once.

Keras and its backend take ten seconds of a processor to import, in every notebook anew.
A kernel that is forked finds them imported and is in everything else a kernel of its
own: its process, its folder, its variables. As a plugin of pytest
(`-p book._kit.forked_kernel`) this module gives such kernels to nbval.
"""

import atexit
import multiprocessing
import os
import runpy
import sys
from importlib.metadata import EntryPoint
from multiprocessing.forkserver import _forkserver

from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner

LIBRARIES = ("keras", "tensorflow", "pandas", "ipykernel.kernelapp")

NAME = "forked"
server = multiprocessing.get_context("forkserver")


def run_kernel(arguments, folder, environment):
    """Become a kernel, in the process just forked."""
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    if pandas := sys.modules.get("pandas"):
        pandas.set_option("display.max_columns", 20)  # as if imported in a notebook
    sys.argv = arguments
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)


class Fork:
    """The part of `subprocess.Popen` that a provisioner asks for."""

    stdin = stdout = stderr = None

    def __init__(self, *arguments):
        self.process = server.Process(target=run_kernel, args=arguments)
        self.process.start()
        self.pid = self.process.pid

    def poll(self):
        return self.process.exitcode

    def wait(self):
        self.process.join()
        return self.process.exitcode

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)


class ForkedKernel(LocalProvisioner):
    """Starts `python -m ipykernel_launcher ...` without the `python`."""

    async def launch_kernel(self, cmd, **kwargs):
        arguments = cmd[cmd.index("-m") + 1 :]
        folder = kwargs.get("cwd") or os.getcwd()
        self.process = Fork(arguments, folder, kwargs["env"])
        self.pid = self.process.pid
        return self.connection_info


def fork_kernels(*modules):
    """Fork every kernel that this process starts, with these modules imported."""
    # Keras imports matplotlib, which looks for its backend before a kernel names it.
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    server.set_forkserver_preload(list(modules))
    factory = KernelProvisionerFactory.instance()
    group = KernelProvisionerFactory.GROUP_NAME
    value = f"{__name__}:{ForkedKernel.__name__}"
    factory.provisioners[NAME] = EntryPoint(NAME, value, group)
    factory.default_provisioner_name = NAME
    atexit.register(_forkserver._stop)  # and wait, so that its time is counted


def pytest_configure():
    fork_kernels(*LIBRARIES)
