"""The texts of the home's own page: Swedish first, English beside it.

A dictionary, not gettext: the Pi's install has no Babel, and memory there is short.  A word that
the gateway uses and this file does not know is shown as it is.

Not for: the staff's pages.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from web.home.alarm_texts import ALARM_TEXTS
from web.home.chain_words import CHAIN
from web.home.ledger_words import LEDGER
from web.home.port import Access, Health, Part

LANGUAGES = ("sv", "en")

_TEXTS: dict[str, tuple[str, str]] = {
    **CHAIN,
    "title": ("Tryggve i hemmet", "Tryggve at home"),
    "home": ("Hemmet", "The home"),
    **LEDGER,
    "self_test": ("Självtest", "Self-test"),
    "language": ("In English", "På svenska"),
    "overall.ok": ("Allt fungerar", "Everything works"),
    "overall.warn": ("Något bör ses över", "Something should be looked at"),
    "overall.bad": ("Något är fel", "Something is wrong"),
    "overall.unknown": ("Läget är okänt", "The state is not known"),
    "health.ok": ("Fungerar", "Works"),
    "health.warn": ("Se över", "Look at it"),
    "health.bad": ("Fel", "Fault"),
    "health.unknown": ("Okänt", "Not known"),
    "updated": ("Senast hämtat", "Last fetched"),
    "stale": ("Sidan får inget svar från Tryggve.", "The page gets no answer from Tryggve."),
    "link": ("Kontakt med personalen", "Contact with the staff"),
    "link.up": ("Servern svarar", "The server answers"),
    "link.down": (
        (
            "Servern svarar inte. Hemmet arbetar vidare på egen hand och skickar allt när den är "
            "tillbaka."
        ),
        (
            "The server does not answer. The home goes on by itself and sends everything when "
            "it is back."
        ),
    ),
    "link.replaced": (
        (
            "Hemmet har fått en annan enhet, och servern tar inte emot något från den här. Larm "
            "härifrån når ingen. Dra ur den här enheten och lämna tillbaka den. Ska den användas "
            "igen: anslut den med en ny kod från hemmets sida på servern."
        ),
        (
            "The home has another unit now, and the server takes nothing from this one. Alarms "
            "from here reach nobody. Unplug this unit and hand it back. To use it again, enroll it "
            "with a new code from the home's page at the server."
        ),
    ),
    "link.ended": (
        (
            "Hemmet är avslutat på servern, som inte tar emot något härifrån. Larm når ingen. Dra "
            "ur enheten och lämna tillbaka den. Ska hemmet användas igen: anslut enheten med en ny "
            "kod från hemmets sida på servern."
        ),
        (
            "The home has ended at the server, which takes nothing from here. Alarms reach nobody. "
            "Unplug the unit and hand it back. To use the home again, enroll the unit with a new "
            "code from the home's page at the server."
        ),
    ),
    "link.none": (
        "Hemmet är inte anslutet till någon server. Larm når ingen.",
        "This home is not enrolled at a server. Alarms reach nobody.",
    ),
    "link.last": ("Senaste svar", "Last answer"),
    "link.never": ("Inget sedan starten", "None since the start"),
    "link.backlog": ("Väntar på att skickas", "Waiting to be sent"),
    "bed": ("Sängen", "The bed"),
    "bed.in": ("I sängen", "In bed"),
    "bed.out": ("Inte i sängen", "Not in bed"),
    "bed.unknown": ("Okänt", "Not known"),
    "since": ("sedan", "since"),
    **ALARM_TEXTS,
    "checks": ("Nästa nattillsyn", "Next night checks"),
    "config.file": ("Enligt hemmets egen fil", "By the home's own file"),
    "config.here": ("Enligt det som lades till på den här sidan", "By what was added at this page"),
    "config.server": ("Enligt personalens inställningar", "By the staff's settings"),
    "config.waits": ("Nya inställningar väntar", "New settings wait"),
    "config.refused": ("Nya inställningar passar inte", "New settings do not fit"),
    "config.wait.lock": ("ett lås vrids", "a lock is turning"),
    "config.wait.look": ("kameratillsyn pågår", "somebody looks by the camera"),
    "config.wait.call": ("ett samtal pågår", "somebody speaks with the home"),
    "config.wait.alarm": ("ett larm pågår", "an alarm is open"),
    "config.wait.check": ("en tillsyn pågår", "a check goes on"),
    "config.wait.card": ("minneskortet tar inte emot", "the card takes nothing"),
    "checks.none": ("Ingen planerad", "None planned"),
    "checks.paused": ("Pausad i natt", "Paused tonight"),
    "checks.plan": ("Enligt personalens plan", "By the staff's plan"),
    "checks.file": ("Enligt hemmets egen fil", "By the home's own file"),
    "checks.looks": ("Kameratillsyn", "Checks by camera"),
    "checks.looks.yes": ("De som bor här har samtyckt", "Those who live here have agreed"),
    "checks.looks.no": ("Inget samtycke: ingen får se in", "No consent: nobody may look"),
    "devices": ("Enheter", "Devices"),
    "devices.none": ("Inga enheter är inställda", "No devices are configured"),
    "battery_low": ("Byt batteri snart", "Change the battery soon"),
    "clock": ("Klockan", "The clock"),
    "clock.ok": ("Ställd", "Set"),
    "clock.bad": (
        "Inte säker. Dörren öppnas inte förrän klockan är ställd.",
        "Not sure. The door is not opened until the clock is set.",
    ),
    "log": ("Händelseloggen", "The event log"),
    "log.ok": ("Skrivs som den ska", "Written as it should be"),
    "log.memory": ("Skriver i minnet, byt kort", "In memory, change the card"),
    "log.bad": ("Disken tar inte emot. Larm skickas ändå.", "The disk refuses. Alarms still go."),
    "ssh": ("Tekniker på distans", "A technician from afar"),
    "ssh.open": (
        "En tekniker får ansluta till den här enheten (SSH) till klockan",
        "A technician may connect to this machine (SSH) until",
    ),
    "ssh.note": (
        "Teknikern ser hur enheten mår, inget om dig som bor här. Det stängs av sig självt.",
        "They see how the machine is, nothing about you who live here. It closes by itself.",
    ),
    "running": ("I gång sedan", "Running since"),
    "door_how": (
        "Dörren öppnas härifrån bara med en engångskod ur personalens telefon.",
        "From here the door opens only with a one-time code from the staff's phone.",
    ),
    "in": ("Visa hemmet", "Show the home"),
    "in.intro": (
        "Hur hemmet mår, och vem som har varit här, visas bara för den som bor här och personalen.",
        "How the home is, and who was here, is shown to who lives here and the staff only.",
    ),
    "in.pin_head": ("Du som bor här", "You who live here"),
    "in.pin": ("Din PIN-kod, åtta siffror", "Your PIN, eight digits"),
    "in.code_head": ("Personal", "Staff"),
    "in.code_note": (
        "Koden gäller en gång. Ska du in genom dörren, skriv den i stället här:",
        "The code works once. To open the door, type it here instead:",
    ),
    "in.door": ("Dörren", "The door"),
    "in.show": ("Visa", "Show"),
    "in.pin_wrong": (
        "Fel PIN-kod. Har du tappat bort den? Be hemtjänsten om en ny.",
        "Wrong PIN. If you have lost it, ask the home care for a new one.",
    ),
    "in.pin_paused": (
        "Många har skrivit fel PIN-kod. Försök igen om en stund.",
        "The wrong PIN was typed many times. Try again in a while.",
    ),
    "in.install_head": ("Du som installerar", "You who install"),
    "in.install": ("Hemmets installationskod", "The home's installation code"),
    "in.install_go": ("Installera", "Install"),
    "in.install_note": (
        "Koden står på serverns sida för hemmet. Här visas bara utrustningen.",
        "The code is on the server's page of the home. Only the equipment is shown here.",
    ),
    "in.install_wrong": (
        "Fel kod, använd eller för gammal. Se efter på serverns sida, eller be om en ny.",
        "Wrong, used or too old. Look at the server's page, or ask for a new one.",
    ),
    "in.install_paused": (
        "Fel kod många gånger. Försök igen om en stund.",
        "The wrong code was typed many times. Try again in a while.",
    ),
    "out": ("Dölj hemmet", "Hide the home"),
    "door": ("Dörren", "The door"),
    "door.by_phone": ("Öppna med telefonen", "Open with the phone"),
    "door.by_phone_note": (
        "Telefonens egen sida öppnas, svarar och kommer tillbaka hit. Inget behöver skrivas.",
        "The phone's own page opens, answers and comes back here. Nothing needs to be typed.",
    ),
    "door.intro": (
        "Annars: skriv koden som telefonen visar för det här hemmet. Den gäller en gång.",
        "Otherwise: type the code that the phone shows for this home. It works once.",
    ),
    "door.code": ("Kod, åtta siffror", "Code, eight digits"),
    "door.open": ("Öppna dörren", "Open the door"),
    "door.sending": ("Prövar koden …", "Trying the code …"),
    "door.handle": ("Ta i handtaget eller knacka på dörren.", "Take the handle or knock."),
    "door.nothing": ("Inget händer vid dörren.", "Nothing happens at the door."),
    "door.answer.malformed": ("Koden har åtta siffror.", "The code has eight digits."),
    "door.answer.wrong": (
        "Fel kod, eller använd, eller för gammal. Ta nästa kod i telefonen.",
        "Wrong, used or too old. Take the next code in the phone.",
    ),
    "door.answer.refused": (
        "Koden gäller inte nu. Ring samordnaren, eller följ hemmets reservrutin.",
        "The code does not open now. Call the coordinator, or follow the home's fallback routine.",
    ),
    "door.answer.paused": (
        "Fel kod igen. Se efter i telefonen: rätt kod öppnar. Personalen får veta.",
        "Wrong again. Look at the phone: the right code opens. The staff are told.",
    ),
    "door.answer.guessed": (
        "Någon har gissat på den koden. Öppna med telefonen, eller skriv nästa kod.",
        "Somebody has guessed at this code. Open with the phone, or type the next code.",
    ),
    "door.answer.no_clock": (
        "Hemmet vet inte vad klockan är och öppnar inte. Följ hemmets reservrutin.",
        "The home does not know the time and does not open. Follow the fallback routine.",
    ),
    "door.answer.not_recorded": (
        "Hemmet kan inte skriva i sin logg och öppnar inte. Följ hemmets reservrutin.",
        "The home cannot write its log and does not open. Follow the fallback routine.",
    ),
    "door.step.requested": ("Koden stämmer. Öppnar.", "The code is right. Opening."),
    "door.step.waking": ("Väcker låset", "Waking the lock"),
    "door.step.connecting": ("Ansluter till låset", "Connecting to the lock"),
    "door.step.turning": ("Vrider", "Turning"),
    "door.step.asking": ("Frågar låset hur det står", "Asking the lock"),
    "door.step.done": ("Dörren är upplåst.", "Open. The lock has turned."),
    "door.step.failed": (
        "Det gick inte. Följ hemmets reservrutin.",
        "It did not work. Follow the home's fallback routine.",
    ),
    "door.step.unknown": (
        "Låset svarar inte. Känn på dörren.",
        "The lock does not answer. Try the door.",
    ),
    "test.intro": (
        (
            "Testet provar minnet, klockan, kontakten med servern och varje enhet. Inget vrids och "
            "ingen larmas. Sover låset kan det ta en halv minut: rör vid handtaget först."
        ),
        (
            "The test tries the storage, the clock, the contact with the server and each device. "
            "Nothing is turned and nobody is alarmed. A sleeping lock can take half a minute: "
            "touch the handle first."
        ),
    ),
    "test.run": ("Kör testet", "Run the test"),
    "test.running": ("Testet pågår …", "The test is running …"),
    "test.done": ("Testet kördes", "The test ran at"),
    "test.none": ("Testet har inte körts sedan starten.", "Not run since the start."),
    "role.bed": ("Säng", "Bed"),
    "role.front_door": ("Ytterdörr", "Front door"),
    "role.terrace_door": ("Altandörr", "Terrace door"),
    "role.store_door": ("Förrådsdörr", "Store room door"),
    "role.bathroom": ("Badrum", "Bathroom"),
    "role.toilet": ("Toalett", "Toilet"),
    "room.bedroom": ("sovrum", "bedroom"),
    "room.hall": ("hall", "hall"),
    "room.kitchen": ("kök", "kitchen"),
    "room.bathroom": ("badrum", "bathroom"),
    "room.living_room": ("vardagsrum", "living room"),
    "type.lock": ("Lås", "Lock"),
    "type.sensor": ("Givare", "Sensor"),
    "type.indicator": ("Lampa", "Indicator"),
    "state.on": ("Känner av", "Sensing"),
    "state.off": ("Känner inget", "Nothing sensed"),
    "state.bed.on": ("Belastad", "Pressed"),
    "state.bed.off": ("Obelastad", "Not pressed"),
    "state.pressed": ("Belastad", "Pressed"),
    "state.released": ("Obelastad", "Not pressed"),
    "state.locked": ("Låst", "Locked"),
    "state.unlocked": ("Olåst", "Unlocked"),
    "state.jammed": ("Har fastnat", "Jammed"),
    "state.moving": ("Vrids", "Turning"),
    "state.asleep": ("Sover", "Asleep"),
    "state.unknown": ("Okänt", "Not known"),
}

_PARTS: dict[Part, tuple[str, str]] = {
    Part.LOG: ("Lagring", "Storage"),
    Part.CLOCK: ("Klocka", "Clock"),
    Part.LINK: ("Kontakt med servern", "Contact with the server"),
    Part.DEVICE: ("Enhet", "Device"),
    Part.RADIO: ("Bluetooth", "Bluetooth"),
    Part.POWER: ("Ström", "Power"),
}

_MENDS: dict[tuple[Part, Health], tuple[str, str]] = {
    (Part.LOG, Health.BAD): (
        "Minneskortet är fullt eller trasigt. Byt det; larm går fram så länge.",
        "The card is full or broken. Change it; alarms go through meanwhile.",
    ),
    (Part.CLOCK, Health.WARN): (
        "Klockan är inte ställd. Kontrollera att hemmet når internet.",
        "The clock is not set. Check that the home reaches the internet.",
    ),
    (Part.LINK, Health.BAD): (
        "Servern svarar inte. Kontrollera internet: kabel, router, mobilt bredband.",
        "The server does not answer. Check the internet: cable, router, mobile link.",
    ),
    (Part.LINK, Health.WARN): (
        "Anslut hemmet: tryggve gateway enroll ADRESS KOD.",
        "Enroll the home: tryggve gateway enroll URL CODE.",
    ),
    (Part.DEVICE, Health.BAD): (
        "Enheten fungerar inte. Kontrollera kabel, batteri och avstånd.",
        "The device does not work. Check its cable, battery and distance.",
    ),
    (Part.DEVICE, Health.WARN): (
        "Inget svar. Sover låset, rör vid handtaget och kör testet igen.",
        "No answer. If the lock sleeps, touch its handle and run the test again.",
    ),
    (Part.DEVICE, Health.UNKNOWN): (
        "Inget hört än. Tryck på mattan eller rör vid enheten och kör testet igen.",
        "Not heard yet. Press the mat or touch the device, and run the test again.",
    ),
    (Part.RADIO, Health.BAD): (
        "Bluetooth fungerar inte. Starta om, eller byt Bluetooth-stickan.",
        "Bluetooth does not work. Restart, or change the Bluetooth stick.",
    ),
    (Part.POWER, Health.WARN): (
        "Hemmet går på batteri. Kontrollera stickkontakten och säkringen.",
        "The home runs on its battery. Check the plug and the fuse.",
    ),
    (Part.POWER, Health.BAD): (
        "Strömmen är för svag. Byt nätdelen eller kabeln.",
        "The supply is too weak. Change the power supply or its cable.",
    ),
}


_DAYS = (
    ("Måndag", "Tisdag", "Onsdag", "Torsdag", "Fredag", "Lördag", "Söndag"),
    ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
)
_MONTHS = (
    ("januari februari mars april maj juni juli augusti september oktober november december"),
    ("January February March April May June July August September October November December"),
)


class Words:
    """The texts in one language (`LANGUAGES`)."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.other = LANGUAGES[1] if language == LANGUAGES[0] else LANGUAGES[0]
        self._index = LANGUAGES.index(language)

    def __call__(self, key: str) -> str:
        """A text by its key; `KeyError` for one that does not exist."""
        return _TEXTS[key][self._index]

    def word(self, group: str, word: str | None) -> str:
        """What the gateway calls `word`, in this language; the word itself when it is not known."""
        texts = _TEXTS.get(f"{group}.{word}")
        return (word or "").replace("_", " ") if texts is None else texts[self._index]

    def state(self, role: str | None, state: str) -> str:
        """A device's state; a bed's mat has words of its own."""
        texts = _TEXTS.get(f"state.{role}.{state}")
        return self.word("state", state) if texts is None else texts[self._index]

    def access(self, row: Access) -> str:
        """A row of the ledger in one plain sentence.  The home has no names: it tells the staff
        id, by which the home care knows who it was."""
        who = self("ledger.unknown") if row.person is None else self("ledger.who") % row.person
        if row.action.startswith("voice.") and row.why.startswith("alarm_centre"):
            who = self("ledger.centre")
        key = f"ledger.{row.action}"
        if row.action == "unlock.requested":
            ended = f"ledger.{row.turn}.{row.outcome or 'requested'}"
            key = ended if ended in _TEXTS else key
        if row.action == "look.begun" and row.outcome == "unseen":
            key = "ledger.look.unseen"
        texts = _TEXTS.get(key)
        return f"{who}: {row.action}" if texts is None else texts[self._index] % who

    def access_why(self, row: Access) -> str:
        """Why, where it says more than the sentence; else an empty text."""
        if row.action == "voice.begun" and row.took_s is not None:
            return self("ledger.listened") % self._long(row.took_s)
        if row.action == "look.begun":
            took = () if row.took_s is None else (self("ledger.took") % self._long(row.took_s),)
            return ". ".join((self.word("look", row.why), *took))
        if row.action not in ("record.read", "unlock.requested"):
            return ""
        return self.word("why", row.why)

    def _long(self, took_s: float) -> str:
        minutes, seconds = divmod(round(took_s), 60)
        long = self("ledger.minutes") % (minutes, seconds)
        return long if minutes else self("ledger.seconds") % seconds

    def day(self, day: datetime, now: datetime) -> str:
        """A day as one says it: today, yesterday, or weekday and date."""
        here = now.astimezone(day.tzinfo).date()
        if day.date() == here:
            return self("ledger.today")
        if day.date() == here - timedelta(days=1):
            return self("ledger.yesterday")
        names, months = _DAYS[self._index], _MONTHS[self._index].split()
        return f"{names[day.weekday()]} {day.day} {months[day.month - 1]}"

    def part(self, part: Part) -> str:
        """What a self-test looked at."""
        return _PARTS[part][self._index]

    def mend(self, part: Part, health: Health) -> str:
        """What to do about a result; "" when there is nothing to do."""
        texts = _MENDS.get((part, health))
        return "" if texts is None else texts[self._index]
