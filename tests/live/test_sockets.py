"""The sockets, against a real server, a real Valkey and a real runner."""

from __future__ import annotations

import json
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self
from urllib.request import urlopen

import pytest
import websocket
from werkzeug.serving import make_server

from flowapp import catalog, tasks
from flowapp.accounts.revocation import end_session
from flowapp.broker import connect
from flowapp.catalog import Done, Outcome, Params, StepContext
from flowapp.catalog.registry import ACTIONS, action
from flowapp.config import Settings
from flowapp.engine.store.control import cancel
from flowapp.extensions import db
from flowapp.live import line as line_module
from flowapp.models import (
    AccessToken,
    Execution,
    User,
    new_id,
    utcnow,
)
from flowapp.models.tenancy import system_session, tenant_session
from tests.conftest import ROOT, base_environ
from tests.support import place as support
from tests.support.applications import running
from tests.support.processes import free_port, wait_until
from tests.support.processes import server as process
from tests.support.tenant import make_tenant

SECONDS = 60  # a bound, for a machine that is busy: what is waited for takes a hundredth of it


class TryParams(Params):
    """Parameters of the test's own action."""

    value: Any = None


class Steps:
    """What the test's steps wait for."""

    gates: ClassVar[dict[str, threading.Event]] = {}

    @classmethod
    def open(cls, step_id: str) -> None:
        cls.gates[step_id].set()


def behave(ctx: StepContext, params: TryParams) -> Outcome:
    ctx.log(f"{ctx.step_id} before")
    gate = Steps.gates.get(ctx.step_id)
    if gate is not None:
        assert gate.wait(SECONDS)
    ctx.log(f"{ctx.step_id} after", "warning")
    return Done(params.value)


class Place(support.Place):
    """A served application with two organizations, and a runner that publishes as a worker does."""

    def __init__(self, app: Any, port: int) -> None:
        self.app, self.port = app, port
        with app.app_context():
            engine = db.engine
        self.tenants = {name: make_tenant(engine, name, "viewer") for name in ("ours", "theirs")}
        super().__init__(engine, self.tenants["ours"].organization_id, self.tenants["ours"].project_id)
        self.runner = support.make_runner(engine, tasks.runtime().bus.publish)
        self.threads: list[threading.Thread] = []

    def begin(self, *steps: tuple[str, str], org: str = "ours", input_data: Any = None) -> str:
        """Starts an execution of steps (id, effect)."""
        data = [{"step_id": s, "name": s.title(), "action_type": f"try_{effect}"} for s, effect in steps]
        tenant = self.tenants[org]
        there = support.Place(self.engine, tenant.organization_id, tenant.project_id)
        execution = there.started(there.publish({"steps": data}), input_data or {"a": 1})
        with there.session() as session:
            session.add(execution)
            tasks.commit_and_start(session, execution)
        return execution.id

    def run(self, execution_id: str, *, background: bool = False) -> None:
        if not background:
            self.runner.run(execution_id, self.org)
            return
        thread = threading.Thread(target=self.runner.run, args=(execution_id, self.org))
        thread.start()
        self.threads.append(thread)

    def cancel(self, execution_id: str) -> None:
        with tenant_session(self.engine, self.org) as session:
            execution = session.get_one(Execution, execution_id)
            cancel(session, execution)
            session.commit()
            tasks.announce_ends([execution])

    def connect(self, path: str, token: str | None = "ours", **options: Any) -> Client:
        query = "&".join(f"{k}={v}" for k, v in options.pop("query", {}).items())
        if token:
            query += f"&token={self.tenants[token].token}"
        return Client(f"ws://127.0.0.1:{self.port}{path}?{query}", **options)

    def watch(self, execution_id: str, after: int | None = None, **options: Any) -> Client:
        query = {} if after is None else {"after": after}
        return self.connect(f"/ws/automation/execution/{execution_id}/", query=query, **options)

    def cookie(self, **more: str) -> str:
        client = self.app.test_client()
        with self.session() as rows:
            user = rows.get_one(User, self.tenants["ours"].user_id)
        with client.session_transaction() as session:
            session.update(_user_id=user.get_id(), _fresh=True, organization_id=self.org, **more)
        return f"flowapp_session={client.get_cookie('flowapp_session').value}"


class Client:
    """A WebSocket client that keeps what it got."""

    def __init__(self, url: str, **options: Any) -> None:
        self.socket = websocket.create_connection(url, timeout=SECONDS, **options)
        self.got: list[dict[str, Any]] = []

    def next(self) -> dict[str, Any]:
        text = self.socket.recv()
        assert text, f"closed with {self.socket.sock and 'data'} after {self.got}"
        self.got.append(json.loads(text))
        return self.got[-1]

    def until(self, kind: str) -> dict[str, Any]:
        while (message := self.next())["type"] != kind:
            pass
        return message

    def ask(self, question: Any) -> None:
        self.socket.send(question if isinstance(question, str) else json.dumps(question))

    def close_code(self) -> int:
        """Reads to the close frame."""
        while True:
            opcode, data = self.socket.recv_data()
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                return int.from_bytes(data[:2], "big")
            self.got.append(json.loads(data))

    def close(self) -> None:
        self.socket.close()
        self.socket.shutdown()  # close() leaves the socket open where the server closed first

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def serving(settings: Any) -> Iterator[Place]:
    with running(settings) as application:
        listener = make_server("127.0.0.1", 0, application, threaded=True)
        listener.daemon_threads = True
        thread = threading.Thread(target=listener.serve_forever, daemon=True)
        thread.start()
        place = Place(application, listener.server_port)
        try:
            yield place
        finally:
            for gate in Steps.gates.values():
                gate.set()
            for worker in place.threads:
                worker.join(SECONDS)
            application.extensions["live"].close_all()
            listener.shutdown()
            listener.server_close()
            wait_until(lambda: not lines(place), message="sockets did not close")


def lines(place: Place) -> int:
    return sum(map(len, place.app.extensions["live"]._lines.values()))


@pytest.fixture(autouse=True)
def _actions() -> Iterator[None]:
    catalog.load()  # before the copy, or what is put back is empty
    before = dict(ACTIONS)
    for effect in ("pure", "once"):
        action(
            f"try_{effect}",
            label=effect,
            description="",
            group="",
            icon="",
            effect=effect,
            params=TryParams,  # type: ignore[arg-type]
        )(behave)
    Steps.gates = {}
    yield
    ACTIONS.clear()
    ACTIONS.update(before)


@pytest.fixture
def place(settings: Any) -> Iterator[Place]:
    with serving(settings) as served:
        yield served


def gate(step_id: str) -> None:
    Steps.gates[step_id] = threading.Event()


def story(messages: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What is told, in short."""
    return [
        (m["seq"], m["type"], m["log"]["message"] if m["type"] == "log" else m.get("step_id", m.get("status")))
        for m in messages
        if m["type"] not in ("initial_state", "logs")
    ]


WHOLE = [
    (1, "step_started", "one"),
    (2, "log", "one before"),
    (3, "log", "one after"),
    (4, "step_completed", "one"),
    (5, "step_started", "two"),
    (6, "log", "two before"),
    (7, "log", "two after"),
    (8, "step_completed", "two"),
    (9, "execution_completed", "completed"),
]


def test_each_step_and_line_comes_as_it_happens(place: Place) -> None:
    gate("one")
    execution_id = place.begin(("one", "once"), ("two", "once"))
    with place.watch(execution_id) as client:
        state = client.next()
        assert (state["type"], state["seq"], state["execution"]["status"]) == ("initial_state", 0, "pending")
        place.run(execution_id, background=True)
        assert client.until("log")["log"]["step_name"] == "One"  # the step still stands at its gate
        Steps.open("one")
        ended = client.until("execution_completed")
        assert story(client.got) == WHOLE
        assert (ended["status"], client.got[4]["result"]) == ("completed", None)
        assert client.got[1]["step_name"] == "One"


def test_a_client_that_comes_back_gets_what_it_does_not_know(place: Place) -> None:
    execution_id = place.begin(("one", "once"), ("two", "pure"))
    place.run(execution_id)
    for after in range(10):
        with place.watch(execution_id, after=after) as client:
            assert client.next()["execution"]["status"] == "completed"
            if after < 9:
                client.until("execution_completed")
            client.ask({"action": "get_logs"})
            client.until("logs")
            assert story(client.got) == WHOLE[after:]


def test_who_comes_late_without_a_number_gets_state_and_end(place: Place) -> None:
    execution_id = place.begin(
        ("one", "pure"),
    )
    place.run(execution_id)
    with place.watch(execution_id) as client:
        state = client.next()["execution"]
        assert [(s["step_id"], s["status"]) for s in state["steps"]] == [("one", "completed")]
        assert state["completed_steps"] == state["execution_path"] == ["one"]
        assert client.next()["type"] == "execution_completed"


def test_who_comes_in_the_middle_of_a_step_misses_no_line(place: Place) -> None:
    gate("one")
    execution_id = place.begin(("one", "once"), ("two", "once"))
    with place.watch(execution_id, after=0) as early:
        wait_until(lambda: listened(execution_id))
        place.run(execution_id, background=True)
        early.until("log")
        with place.watch(execution_id, after=0) as late:  # "one before" is published, but not yet written
            assert late.until("step_started")["seq"] == 1
            Steps.open("one")
            late.until("execution_completed")
            early.until("execution_completed")
            assert story(late.got) == story(early.got) == WHOLE


def test_cancelled_from_outside(place: Place) -> None:
    gate("one")
    execution_id = place.begin(
        ("one", "once"),
    )
    with place.watch(execution_id) as client:
        wait_until(lambda: listened(execution_id))
        place.run(execution_id, background=True)
        client.until("log")
        place.cancel(execution_id)
        assert client.until("execution_completed")["status"] == "cancelled"


def test_lost_messages_are_read_from_the_database(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.runner.publish = lambda *_: None
    execution_id = place.begin(("one", "once"), ("two", "once"))
    with place.watch(execution_id, after=0) as client:
        place.run(execution_id)
        client.until("execution_completed")
        assert story(client.got) == WHOLE


def test_a_crowd_of_messages_reaches_a_slow_client(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_module, "MAX_NEWS", 3)
    steps = [(f"s{n}", "pure") for n in range(60)]
    execution_id = place.begin(*steps)
    with place.watch(execution_id) as client:
        client.next()
        place.run(execution_id)
        client.until("execution_completed")
        assert [m["seq"] for m in client.got[1:]] == list(range(1, 60 * 4 + 2))


def test_questions(place: Place) -> None:
    execution_id = place.begin(
        ("one", "pure"),
    )
    place.run(execution_id)
    with place.watch(execution_id) as client:
        client.until("execution_completed")
        client.ask({"action": "get_logs"})
        answer = client.next()
        assert (answer["type"], answer["seq"]) == ("logs", 5)
        assert [(entry["level"], entry["message"], entry["step_name"]) for entry in answer["logs"]] == [
            ("INFO", "Step “One” started.", "One"),
            ("INFO", "one before", "One"),
            ("WARNING", "one after", "One"),
            ("INFO", "Step “One” completed.", "One"),
        ]
        client.ask({"action": "get_logs", "after": answer["logs"][1]["seq"]})
        assert len(client.next()["logs"]) == 2
        for wrong in (
            "not JSON",
            "[]",
            '{"action": 7}',
            '{"action": "dance"}',
            '{"action": "get_logs", "after": "x"}',
            "\x00",
        ):
            client.ask(wrong)
            assert client.next()["type"] == "error", wrong
        client.socket.send_binary(b"\xff\xfe")
        assert client.next()["type"] == "error"
        client.ask({"action": "get_logs"})
        assert client.next()["type"] == "logs"


def test_messages_over_64_kib_are_refused(place: Place) -> None:
    execution_id = place.begin(
        ("one", "pure"),
    )
    with place.watch(execution_id) as client:
        client.next()
        client.ask("x" * 70_000)
        assert client.close_code() == 1009


@pytest.mark.parametrize("execution_id", ["theirs", "00000000-0000-0000-0000-000000000000", "nonsense"])
def test_what_is_not_ours_is_not_there(place: Place, execution_id: str) -> None:
    if execution_id == "theirs":
        execution_id = place.begin(("one", "pure"), org="theirs")
    with place.watch(execution_id) as client:
        assert client.close_code() == 4404
        assert (client.got[0]["type"], client.got[0]["status"]) == ("error", 404)


def test_a_wrong_number_is_refused(place: Place) -> None:
    execution_id = place.begin(
        ("one", "pure"),
    )
    with place.connect(f"/ws/automation/execution/{execution_id}/", query={"after": "x"}) as client:
        assert client.close_code() == 4422


def refused(connect_: Callable[[], Any]) -> int:
    with pytest.raises(websocket.WebSocketBadStatusException) as error:
        connect_()
    return int(error.value.status_code)


def test_who_may_connect(place: Place) -> None:
    execution_id = place.begin(
        ("one", "pure"),
    )
    path = f"/ws/automation/execution/{execution_id}"
    cookie = place.cookie()
    bearer = {"Authorization": f"Bearer {place.tenants['ours'].token}"}
    assert refused(lambda: place.connect(path, token=None)) == 401
    assert refused(lambda: place.connect(path, token=None, header={"Authorization": "Bearer fla_wrong"})) == 401
    assert refused(lambda: place.connect(path, token=None, cookie=cookie, origin="http://evil.example")) == 403
    assert refused(lambda: place.connect(path, token=None, cookie=cookie, origin="null")) == 403
    for allowed in (
        {"cookie": cookie},
        {"cookie": cookie, "origin": f"http://127.0.0.1:{place.port}"},
        {"header": bearer},
        {"header": bearer, "origin": "http://other.example"},
    ):
        with place.connect(path, token=None, **allowed) as client:
            assert client.next()["type"] == "initial_state"


def test_a_broken_handshake_is_a_problem(place: Place) -> None:
    path = f"/ws/automation/monitor/?token={place.tenants['ours'].token}"
    client = place.app.test_client()
    assert client.get(path).status_code == 400
    headers = {"Upgrade": "websocket", "Connection": "Upgrade"}
    with pytest.raises(websocket.WebSocketBadStatusException) as error:
        websocket.create_connection(
            f"ws://127.0.0.1:{place.port}{path}", header={"Sec-WebSocket-Version": "1", **headers}, timeout=SECONDS
        )
    assert error.value.status_code == 400


def test_a_revoked_token_ends_the_connection(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_module, "CHECK_SECONDS", 0.0)
    execution_id = place.begin(
        ("one", "pure"),
    )
    with place.watch(execution_id) as client:
        client.next()
        with system_session(place.engine) as session:
            session.query(AccessToken).filter_by(organization_id=place.org).one().revoked_at = utcnow()
            session.commit()
        client.ask({"action": "get_logs"})
        assert client.close_code() == 4401


def test_signing_out_ends_the_connection(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_module, "CHECK_SECONDS", 0.0)
    session_id = new_id()
    execution_id = place.begin(
        ("one", "pure"),
    )
    with place.connect(
        f"/ws/automation/execution/{execution_id}/", token=None, cookie=place.cookie(session_id=session_id)
    ) as client:
        assert client.next()["type"] == "initial_state"
        end_session(place.engine, place.tenants["ours"].user_id, session_id)
        client.ask({"action": "get_logs"})
        assert client.close_code() == 4401


def test_the_monitor(place: Place) -> None:
    first = place.begin(
        ("one", "pure"),
    )
    place.begin(("one", "pure"), org="theirs")
    with place.connect("/ws/automation/monitor") as client:
        greeting = client.next()
        assert (greeting["type"], greeting["stats"]["total_executions"], greeting["stats"]["pending"]) == (
            "initial_stats",
            1,
            1,
        )
        wait_until(lambda: subscribed(place))
        place.run(first)
        ended = client.until("execution_completed")
        second = place.begin(
            ("one", "pure"),
        )
        began = client.until("execution_started")
        assert (ended["execution_id"], ended["status"], began["execution"]["id"]) == (first, "completed", second)
        assert greeting["seq"] < ended["seq"] < began["seq"]
        client.ask({"action": "get_stats"})
        stats = client.until("stats")["stats"]
        assert (stats["completed"], stats["active_executions"], stats["success_rate"]) == (1, 1, 100.0)
        client.ask({"action": "get_logs"})
        assert client.next()["type"] == "error"
    third = place.begin(
        ("one", "pure"),
    )
    place.run(third)
    with place.connect("/ws/automation/monitor/", query={"after": began["seq"]}) as client:
        while client.next().get("execution_id") != third:
            pass
        assert client.got[0]["type"] == "initial_stats"
        assert third in [m["execution"]["id"] for m in client.got if m["type"] == "execution_started"]


def listened(execution_id: str) -> bool:
    """Whether the web process hears of it: lines of a running step are on the live bus only."""
    return any(count for _, count in tasks.runtime().redis.pubsub_numsub(tasks.live_channel(execution_id)))


def subscribed(place: Place) -> bool:
    return any(count for _, count in tasks.runtime().redis.pubsub_numsub(tasks.monitor_channel(place.org)))


def test_places_are_limited(settings: Any) -> None:
    with serving(replace(settings, max_sockets=1)) as place:
        execution_id = place.begin(
            ("one", "pure"),
        )
        with place.watch(execution_id) as first:
            first.next()
            with place.watch(execution_id) as second:
                assert second.close_code() == 1013
        wait_until(lambda: not lines(place))
        with place.watch(execution_id) as third:
            assert third.next()["type"] == "initial_state"


def crowded(client: Client) -> str:
    """The reason of a refusal for lack of places of one's own."""
    assert client.close_code() == 4429
    assert client.got[-1]["status"] == 429
    return client.got[-1]["message"]


def test_a_member_does_not_take_the_places_of_others(settings: Any) -> None:
    with serving(replace(settings, max_sockets=4, member_sockets=2)) as place, ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(place.connect("/ws/automation/monitor/")).next()
        for _ in range(3):
            with place.connect("/ws/automation/monitor/") as one_more:
                assert crowded(one_more) == "You have 2 live connections open. Close some of them."
        with place.connect("/ws/automation/monitor/", token="theirs") as theirs:
            assert theirs.next()["type"] == "initial_stats"


def test_an_organization_does_not_take_the_places_of_others(settings: Any) -> None:
    with serving(replace(settings, organization_sockets=2)) as place:
        with place.connect("/ws/automation/monitor/") as first, place.connect("/ws/automation/monitor/") as second:
            first.next(), second.next()
            with place.connect("/ws/automation/monitor/") as third:
                assert crowded(third) == "Your organization has 2 live connections open. Try again later."
            with place.connect("/ws/automation/monitor/", token="theirs") as theirs:
                assert theirs.next()["type"] == "initial_stats"
        wait_until(lambda: not lines(place))
        assert not place.app.extensions["live"]._open, "each place is free again"
        with place.connect("/ws/automation/monitor/") as later:
            assert later.next()["type"] == "initial_stats"


def test_fifty_sockets_leave_nothing_behind(place: Place) -> None:
    execution_id = place.begin(
        ("one", "pure"),
    )

    def cycle(polite: bool) -> None:
        client = place.watch(execution_id)
        client.next()
        client.close() if polite else client.socket.shutdown()

    def quiet() -> bool:
        return not lines(place) and place.app.extensions["live"]._thread is None

    cycle(True)
    wait_until(quiet)
    threads = threading.active_count()
    for number in range(50):
        cycle(bool(number % 2))
    wait_until(quiet, message="the hub still runs")
    wait_until(lambda: threading.active_count() <= threads, message="threads are left")
    assert place.engine.pool.checkedout() == 0


def test_redis_dies_and_comes_back(settings: Any, tmp_path: Path) -> None:
    from flowapp.launcher import broker

    folder = tmp_path / "v"
    folder.mkdir()
    path = folder / "valkey.sock"
    argv = [*broker.command(folder, path), "--appendonly", "no"]
    gate("one"), gate("two")
    with serving(replace(settings, redis_url=broker.url(path))) as place:
        execution_id = place.begin(("one", "once"), ("two", "once"))
        with process(argv, tmp_path / "first.log", stop_with=9):
            wait_until(lambda: broker.answers(path))
            client = place.watch(execution_id, after=0)
            client.until("initial_state")  # or the line below is published before anybody listens
            place.run(execution_id, background=True)
            client.until("log")
        Steps.open("one")  # Redis is gone: step one ends, step two begins
        client.until("step_completed")
        path.unlink(missing_ok=True)
        with process(argv, tmp_path / "second.log", stop_with=9):
            wait_until(lambda: broker.answers(path))
            channel = tasks.live_channel(execution_id)
            wait_until(lambda: connect(broker.url(path)).pubsub_numsub(channel)[0][1], message="not subscribed again")
            Steps.open("two")
            client.until("execution_completed")
            assert story(client.got) == WHOLE
            client.close()


CONFIG = """
exec(open({root!r} + "/gunicorn.conf.py").read())

def post_worker_init(worker):
    from flowapp.live import close_on_sigterm
    close_on_sigterm()
"""


@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
def test_under_gunicorn(worker_class: str, sqlite_template: Path, valkey_url: str, tmp_path: Path) -> None:
    """A large message arrives whole, and open sockets do not hold up the end of the server."""
    shutil.copyfile(sqlite_template, tmp_path / "flowapp.db")
    environ = base_environ(tmp_path / "data") | {
        "DATABASE_URL": f"sqlite:///{tmp_path}/flowapp.db",
        "REDIS_URL": valkey_url,
    }
    config = tmp_path / "gunicorn.conf.py"
    config.write_text(CONFIG.format(root=str(ROOT)) + "graceful_timeout = 60\n")
    port = free_port()
    argv = [
        sys.executable,
        "-m",
        "gunicorn",
        "-c",
        str(config),
        "-k",
        worker_class,
        "-b",
        f"127.0.0.1:{port}",
        "wsgi:app",
    ]
    with ExitStack() as stack:
        place = Place(stack.enter_context(running(Settings.from_env(environ))), port)
        execution_id = place.begin(("one", "pure"), input_data={"a": "é" * 1_000_000})
        gunicorn = stack.enter_context(process(argv, tmp_path / "log", stop_with=signal.SIGTERM, cwd=ROOT, env=environ))
        wait_until(lambda: answers(port), SECONDS, "gunicorn did not answer")
        clients = [stack.enter_context(place.watch(execution_id)) for _ in range(6)]
        for client in clients:
            assert len(client.next()["execution"]["input_data"]["a"]) == 1_000_000
        place.run(execution_id)
        for client in clients:
            client.until("execution_completed")
        gunicorn.terminate()
        assert [client.close_code() for client in clients] == [1001] * 6
        assert gunicorn.wait(SECONDS) == 0


def answers(port: int) -> bool:
    """Whether a worker answers: the port is taken before there is one."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=SECONDS) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
