"""Every route × every role × somebody else's id: who may not see a thing is not even told that it exists."""

from datetime import date

import pytest

from blueprints.certificates import actions as certificates
from blueprints.certificates.models import CertificateBatch
from blueprints.claims import actions as claims
from blueprints.claims import handovers, marking, seeking
from blueprints.claims.models import AbsenceKind, Act, Audience
from blueprints.disputes import actions as disputes
from blueprints.disputes import queries as disputed
from blueprints.disputes import reporting
from blueprints.disputes.models import DisputeKind
from blueprints.exchange.models import (
    HandoverBatch,
    HandoverFormat,
    HandoverItem,
    HandoverKind,
    HandoverState,
    ImportBatch,
    ImportKind,
)
from blueprints.honours import actions as honours
from blueprints.honours.models import Revocation
from blueprints.identity.models import (
    Account,
    Consent,
    Grant,
    GuardianMethod,
    Guardianship,
    Invitation,
    Purpose,
    Slip,
    SlipPurpose,
    VolunteerSkill,
)
from blueprints.inspections import actions as inspections
from blueprints.inspections import queries as looked_at
from blueprints.inspections.models import RiskFlag, Rule, Subject
from blueprints.jobs.models import Job
from blueprints.kiosk import actions as kiosk
from blueprints.kiosk.access import COOKIE, FOLDER
from blueprints.kiosk.models import Flag
from blueprints.mergers.models import Likeness, Merger
from blueprints.messages.models import PushSubscription, Robot, RobotKind
from blueprints.posts import actions as posts
from blueprints.posts.models import Category
from blueprints.public_notices import actions as public_notices
from blueprints.records import actions as records
from blueprints.records import corrections
from blueprints.records.models import RecordSource
from blueprints.rollcall import actions as rollcall
from blueprints.rollcall.models import OfflineAct
from blueprints.series import actions as series
from blueprints.series.models import Series, Slot
from blueprints.supplements import actions as supplements
from blueprints.supplements import queries as supplemented
from blueprints.supplements.actions import Stated
from core.actor import Role
from core.db import db
from core.workdays import CalendarDay, DayKind
from tests.claims.test_claiming import actor_of
from tests.factories import (
    BEFORE,
    FOREVER,
    HOUR,
    START,
    make_account,
    make_post,
    make_shift,
    make_volunteer,
    make_world,
    saved,
    sign_in,
)
from tests.rollcall.queues import Tablet
from tests.series.samples import MONDAY, row
from tests.series.samples import rhythm as repeating

# Whoever may call these needs no account; everything else asks for one.
PUBLIC = {
    "assets", "manifest", "static", "health.healthz",
    "claims.list_shifts", "claims.show_shift", "screens.calendar", "screens.station_calendar", "screens.show_wall",
    "rollcall_desk.offline",
}  # fmt: skip


@pytest.fixture
def world():
    return make_world()


def corrected(world):
    """A correction that waits, of an effective entry of the station."""
    shift = make_shift(make_post(world.station), starts_at=START - 24 * HOUR)
    held = claims.claim(shift.id, actor_of(world.lin), now=BEFORE)
    for act, hours in ((Act.IN, -24), (Act.OUT, -22)):
        claims.punch(held.id, act, world.chen, now=START + hours * HOUR)
    made = records.hand_in(shift.id, world.chen, now=START)[0]
    records.confirm([made.id], world.wu, now=START)
    return corrections.propose(made.id, 60, world.wu, reason="多记", now=START)


def imported(world):
    """A file of another platform for the station."""
    batch = ImportBatch(
        kind=ImportKind.HOURS, organization_id=world.station.id, platform="志愿汇", file_name="三月.csv"
    )
    batch.uploaded_at, batch.uploaded_by_id, batch.reason = BEFORE, world.chen.account_id, ""
    return batch


def put_together(world):
    """A list of certificates that waits for whoever issues it."""
    made = CertificateBatch(organization_id=world.station.id, prepared_by_id=world.chen.account_id, prepared_at=BEFORE)
    made.from_on, made.until_on, made.reason = date(2099, 1, 1), date(2099, 12, 31), ""
    return made


def handed_over(world):
    """A row of a file for the national system."""
    batch = HandoverBatch(kind=HandoverKind.PROJECTS, format=HandoverFormat.CSV, organization_id=world.station.id)
    batch.made_at, batch.made_by_id, batch.state = BEFORE, world.qian.account_id, HandoverState.MADE
    saved(batch)
    return saved(HandoverItem(kind=batch.kind, subject_id=1, batch_id=batch.id, fingerprint="x", at=BEFORE))


@pytest.fixture
def ids(world):
    """One row of everything, all of it belonging to the station in Nanhu."""
    post = make_post(world.station)
    shift = make_shift(post)
    draft = make_post(world.station, state="draft", published_at=None, published_by_id=None)
    held = claims.claim(shift.id, actor_of(world.lin), now=BEFORE)
    punch = claims.punch(held.id, Act.IN, world.chen, now=START)
    claims.punch(held.id, Act.OUT, world.chen, now=START + 2 * HOUR)
    record = records.hand_in(shift.id, world.chen, now=START + 3 * HOUR)[0]
    correction = corrected(world)
    span = certificates.Span(date(2099, 1, 1), date(2099, 12, 31), None, world.station.id)
    certificate = certificates.request_stamped(world.lin.id, span, now=START)
    open_claim = claims.claim(make_shift(post, starts_at=START + 24 * HOUR).id, actor_of(world.zhou), now=BEFORE)
    asked = handovers.seek(open_claim.id, actor_of(world.zhou), audience=Audience.PERSON, asked=world.lin, now=BEFORE)
    missed = claims.claim(make_shift(post, starts_at=START + 48 * HOUR).id, actor_of(world.lin), now=BEFORE)
    absence = marking.note(missed.id, AbsenceKind.NO_SHOW, world.chen, now=START + 51 * HOUR)
    marking.dispute(absence.id, "我到了。", actor_of(world.lin), now=START + 52 * HOUR)
    grant = db.session.scalars(db.select(Grant).where(Grant.account_id == world.chen.account_id)).one()
    invitation = Invitation(code_hash="x" * 64, name="徐", role=Role.CLERK, organization_id=world.station.id)
    invitation.created_at, invitation.expires_at, invitation.invited_by_id = BEFORE, FOREVER, world.qian.account_id
    saved(invitation)
    skill = saved(VolunteerSkill(volunteer_id=world.lin.id, skill="nursing"))
    guardian = Guardianship(volunteer_id=world.lin.id, guardian_name="林父", relation="父亲", given_at=BEFORE)
    guardian.guardian_phone, guardian.method = "+8619900000099", GuardianMethod.IN_PERSON
    guardian.recorded_by_id = world.chen.account_id
    saved(guardian)
    slip = Slip(account_id=world.lin.account_id, purpose=SlipPurpose.PASSWORD, code_hash="y" * 64, issued_at=BEFORE)
    slip.expires_at, slip.issued_by_id = FOREVER, world.chen.account_id
    consent = Consent(account_id=world.lin.account_id, purpose=Purpose.LEAGUE, text_version="1", given_at=BEFORE)
    saved(slip), saved(consent)
    tablet = Tablet(shift, world.chen)
    tablet.sends([tablet.marks(held, "in", START)], world.chen, START + 3 * HOUR)
    act = db.session.scalars(db.select(OfflineAct)).one()
    device, code = kiosk.add_tablet(world.station.id, "前台", "no hash", world.chen, now=BEFORE)
    kiosk.pair(code, now=BEFORE)
    flag = saved(Flag(claim_id=held.id, kind="two_places", details={}, raised_at=START))
    rhythm, _outcome = series.create(post.id, repeating(), [row()], world.chen, BEFORE)
    template = posts.keep_template(post.id, "图书角", world.chen, BEFORE)
    db.session.commit()
    day = saved(CalendarDay(day=MONDAY, kind=DayKind.HOLIDAY, name="劳动节", changed_at=BEFORE))
    picture = rollcall.keep_picture(shift.id, b"picture", world.chen, now=START)
    db.session.commit()
    return {
        "series_id": rhythm.id,
        "slot_id": first_slot(rhythm).id,
        "day": MONDAY.isoformat(),
        "calendar_day_id": day.id,
        "template_id": template.id,
        "shift_id": shift.id,
        "post_id": post.id,
        "draft_id": draft.id,
        "claim_id": open_claim.id,
        "punch_id": punch.id,
        "record_id": record.id,
        "correction_id": correction.id,
        "certificate_id": certificate.id,
        "organization_id": world.station.id,
        "volunteer_id": world.lin.id,
        "account_id": world.lin.account_id,
        "grant_id": grant.id,
        "invitation_id": invitation.id,
        "skill_id": skill.id,
        "guardianship_id": guardian.id,
        "session_id": actor_of(world.lin).session_id,
        "slip_id": slip.id,
        "consent_id": consent.id,
        "act_id": act.id,
        "tablet_id": device.id,
        "flag_id": flag.id,
        "handover": seeking.token(asked),
        "evidence_id": picture.id,
        "risk_id": odd(world, record).id,
        **checked(world),
        **ways_to_tell(world),
        "absence_id": absence.id,
        "hand_over_id": (item := handed_over(world)).batch_id,
        "sent_id": item.id,
        "kind": "volunteers",
        "batch_id": saved(imported(world)).id,
        "list_id": saved(put_together(world)).id,
        "job_id": saved(Job(kind="x", owner_id=world.chen.account_id, created_at=BEFORE)).id,
        **objected(record, world),
        **stated(world),
        "objection_id": noticed(world),
        **proposed(world),
        **twice(world),
    }


def proposed(world):
    """Lin is proposed for an honour and says that it is not right; somebody asks to take it back."""
    moment = START + 60 * HOUR
    plan = honours.Plan(world.station.id, "年度优秀志愿者", "服务稳定。", date(2099, 1, 1), date(2099, 5, 4))
    honour = honours.open_honour(plan, world.qian, now=moment)
    made = honours.propose(honour.id, world.lin.id, world.qian, reason="好", now=moment)
    said = honours.object_to(made.id, actor_of(world.lin), words="没有这回事", now=moment)
    asked = Revocation(nomination_id=made.id, reason="作废", asked_at=moment, asked_by_id=world.qian.account_id)
    saved(asked)
    return {"honour_id": honour.id, "nomination_id": made.id, "doubt_id": said.id, "revocation_id": asked.id}


def twice(world):
    """Another registration of Zhou's, that it shall become one with the first, and that they look alike."""
    account = make_account("周晓航")
    other = make_volunteer("周晓航", world.station, account=account)
    made = Merger(away_id=other.id, keep_id=world.zhou.id, organization_id=world.station.id, asked_at=BEFORE)
    made.asked_by_id, made.reason = world.qian.account_id, "同一个人"
    alike = Likeness(first_id=world.zhou.id, second_id=other.id, signs=["mail"], found_at=BEFORE, reason="")
    return {"away_id": other.id, "merger_id": saved(made).id, "likeness_id": saved(alike).id}


def noticed(world):
    """An objection of Zhou's against an entry of Shen's that stands on public notice."""
    starts = START + 80 * HOUR
    facts = records.Facts(world.shen.id, world.station.id, "台风值守", Category.EMERGENCY, "值守", "体育馆", "陈站长",
                          starts, starts + HOUR, 60)  # fmt: skip
    made = records.enter(
        facts, RecordSource.IMPORT, stated_by=world.chen.account_id, recorders=[], now=starts + 2 * HOUR
    )
    records.confirm([made.id], world.wu, now=starts + 2 * HOUR)
    said = public_notices.object_to(made.id, actor_of(world.zhou), words="没有这回事", now=starts + 3 * HOUR)
    db.session.commit()
    return said.id


def stated(world):
    """Time outside a shift that Lin asked for, with its picture."""
    starts = START + 75 * HOUR
    facts = records.Facts(world.lin.id, world.station.id, "台风值守", Category.EMERGENCY, "值守", "体育馆", "陈站长",
                          starts, starts + HOUR, 60)  # fmt: skip
    made = supplements.ask(Stated(facts, "来不及", b"picture"), actor_of(world.lin), now=starts + 2 * HOUR)
    db.session.commit()
    return {"supplement_id": made.id, "picture_id": supplemented.pictures(made.id)[0].id}


def objected(record, world):
    """A dispute of Lin's with a picture."""
    made = disputes.file(record.id, DisputeKind.NOT_ME, actor_of(world.lin), picture=b"picture", now=START + 4 * HOUR)
    db.session.commit()
    person = {"phone": db.session.get(Account, world.lin.account_id).phone, "last_four": "1234", "birthday": "0301"}
    report, _code = reporting.file(**person, words="不是我登记的。", contact="-", now=START)
    report.organization_id = world.county.id
    db.session.commit()
    return {"dispute_id": made.id, "proof_id": disputed.proofs(made.id)[0].id, "report_id": report.id}


def first_slot(rhythm: Series) -> Slot:
    return db.session.scalars(db.select(Slot).where(Slot.series_id == rhythm.id).order_by(Slot.id)).first()


def checked(world):
    """A spot check of the station's entries that count, with an answer."""
    plan = inspections.Plan(world.station.id, date(2099, 1, 1), date(2099, 12, 31), 1000, False)
    moment = START + 60 * HOUR
    check = inspections.draw(inspections.sample(plan, world.qian, now=moment), world.qian, now=moment)
    item, asked = looked_at.items_of(check.id)[0], looked_at.requests_of(check.id)[0]
    answer = inspections.answer(asked.id, "名册在站点。", b"picture", world.chen, now=START + 61 * HOUR)
    db.session.commit()
    return {"check_id": check.id, "item_id": item.id, "request_id": asked.id, "answer_id": answer.id}


def odd(world, record):
    """A flag that the level above looks at."""
    flag = RiskFlag(rule=Rule.ABSENT, subject=Subject.RECORD, subject_id=record.id, month=date(2099, 5, 1), details={})
    flag.organization_id, flag.raised_at = world.station.id, START
    return saved(flag)


def ways_to_tell(world):
    """A browser of Lin's, and a robot of the station."""
    session_id = actor_of(world.lin).session_id
    browser = PushSubscription(account_id=world.lin.account_id, session_id=session_id, endpoint_hash="z" * 64)
    browser.sealed, browser.created_at = "sealed", BEFORE
    robot = Robot(organization_id=world.station.id, kind=RobotKind.WECOM, name="群", sealed="", created_at=BEFORE)
    robot.created_by_id = world.qian.account_id
    return {"subscription_id": saved(browser).id, "robot_id": saved(robot).id}


def addresses(app, ids):
    """Every route of the application with the ids filled in: endpoint, method, address, access."""
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        values = {name: ids.get(name, "none") for name in rule.arguments}
        if rule.endpoint == "assets":
            continue
        method = "POST" if "POST" in rule.methods else "GET"
        view = app.view_functions[rule.endpoint]
        yield rule, method, adapter.build(rule.endpoint, values), getattr(view, "access", "public")


def ask(client, method, address):
    return client.post(address) if method == "POST" else client.get(address)


def test_a_visitor_is_sent_to_sign_in_from_everything_that_is_not_public(app, client, ids):
    wrong = []
    for rule, method, address, access in addresses(app, ids):
        answer = ask(client, method, address)
        way_in = "/kiosk/pairing" if access == "tablet" else "/sign-in"
        if access != "public" and (answer.status_code != 303 or way_in not in answer.headers["Location"]):
            wrong.append((rule.endpoint, address, answer.status_code))
        if answer.status_code >= 500:
            wrong.append((rule.endpoint, address, answer.status_code))
    assert wrong == []


# What each stranger may do to the station's things: nothing.
STRANGERS = ["shen", "gu", "pan", "he"]
REFUSED = {403, 404}


@pytest.mark.parametrize("stranger", STRANGERS)
def test_strangers_get_404_or_403_for_everything_of_the_station(app, client, world, ids, stranger):
    who = getattr(world, stranger)
    sign_in(client, who.account_id)
    wrong = []
    for rule, method, address, access in addresses(app, ids):
        ours = set(rule.arguments) & set(ids)
        if not ours or access == "public" or rule.endpoint in OPEN_TO_ALL_VOLUNTEERS:
            continue
        answer = ask(client, method, address)
        if answer.status_code not in REFUSED:
            wrong.append((rule.endpoint, address, answer.status_code))
    assert wrong == []


# A signed-in person may try these on anybody's shift; the rules decide.
OPEN_TO_ALL_VOLUNTEERS = {"claims.create_claim", "claims.create_watch"}
OPEN_TO_ALL_VOLUNTEERS |= {"series.create_claims", "series.create_cancellations"}
OPEN_TO_ALL_VOLUNTEERS |= {"together.new_party", "together.create_party"}


@pytest.mark.parametrize("stranger", ["lin", "chen", "wu", "qian"])
def test_ids_that_do_not_exist_are_404_for_everybody(app, client, world, ids, stranger):
    who = getattr(world, stranger)
    sign_in(client, who.account_id)
    nothing = dict.fromkeys(ids, 2**31 - 1)
    wrong = []
    for rule, method, address, access in addresses(app, nothing):
        if set(rule.arguments) & set(ids):
            answer = ask(client, method, address)
            if answer.status_code not in REFUSED:
                wrong.append((rule.endpoint, address, answer.status_code, access))
    assert wrong == []


ROLE_OF = {"lin": "volunteer", "chen": "clerk", "wu": "confirmer", "qian": "administrator"}


@pytest.mark.parametrize("who", list(ROLE_OF))
def test_no_role_implies_another(app, client, world, ids, who):
    """A route that names roles refuses everybody who holds none of them."""
    sign_in(client, getattr(world, who).account_id)
    wrong = []
    for rule, method, address, access in addresses(app, ids):
        roles = access.removeprefix("staff:").split(",") if access.startswith("staff:") else []
        if roles and ROLE_OF[who] not in roles:
            answer = ask(client, method, address)
            if answer.status_code not in REFUSED:
                wrong.append((rule.endpoint, address, answer.status_code))
    assert wrong == []


@pytest.mark.parametrize("who", ["lin", "chen", "wu", "qian", "gu", "pan", "he"])
def test_nothing_ever_crashes_on_an_empty_form(app, client, world, ids, who):
    sign_in(client, getattr(world, who).account_id)
    crashed = []
    for rule, method, address, _access in addresses(app, ids):
        if rule.endpoint == "identity.sign_out":
            continue
        answer = ask(client, method, address)
        if answer.status_code >= 500 and rule.endpoint != "health.healthz":
            crashed.append((rule.endpoint, address, answer.status_code))
    assert crashed == []


# Numbers that no row can have, and text that no database can hold.
MISCHIEF = [
    "before=99999999999999999999&after=99999999999999999999&q=%00&page=-1&person=%00",
    f"before={2**31}&after={2**31}&q=林%00%ED%A0%80&page=x&claim={2**63}&place={2**63}&year=-1",
]


@pytest.mark.parametrize("who", [None, *ROLE_OF])
def test_nothing_ever_crashes_on_what_an_address_asks(app, client, world, ids, who):
    if who:
        sign_in(client, getattr(world, who).account_id)
    asked = [address for rule, method, address, _ in addresses(app, ids) if method == "GET"]
    answers = {
        f"{address}?{query}": ask(client, "GET", f"{address}?{query}") for address in asked for query in MISCHIEF
    }
    crashed = {address: answer.status_code for address, answer in answers.items() if answer.status_code >= 500}
    assert {address for address in crashed if not address.startswith("/healthz")} == set()


def test_nothing_ever_crashes_on_a_nul_in_a_path(app, client, world, ids):
    """Every part of a path that is text, not a number, may hold one."""
    sign_in(client, world.qian.account_id)
    texts = [rule for rule in app.url_map.iter_rules() if rule.endpoint != "assets" and set(rule.arguments) - set(ids)]
    adapter = app.url_map.bind("localhost")
    values = [{name: ids.get(name, "\0-x") for name in rule.arguments} for rule in texts]
    paths = [adapter.build(rule.endpoint, held) for rule, held in zip(texts, values, strict=True)]
    assert "/calendar/%00-x.ics" in paths
    assert [path for path in paths if client.get(path).status_code >= 500] == []


def test_a_tablet_is_nobody_outside_the_kiosk(app, client, world, ids):
    """Even if the cookie went everywhere, it is no session: what asks for a person asks this browser, too."""
    code = kiosk.renew_code(ids["tablet_id"], world.chen, now=BEFORE)[1]
    client.set_cookie(COOKIE, kiosk.pair(code, now=BEFORE), path="/")
    assert FOLDER == "/kiosk"
    wrong = []
    for rule, method, address, access in addresses(app, ids):
        answer = ask(client, method, address)
        if access == "tablet" and answer.status_code >= 400 and answer.status_code not in (409, 422):
            wrong.append((rule.endpoint, address, answer.status_code))
        if access not in ("public", "tablet") and "/sign-in" not in answer.headers.get("Location", ""):
            wrong.append((rule.endpoint, address, answer.status_code))
    assert wrong == []
