"""The texts of the ledger: who came in, opened, listened or read, in plain words.

A part of `web.home.words`, with the same two languages.  Not for: who it was (the home has no
names).
"""

from __future__ import annotations

LEDGER: dict[str, tuple[str, str]] = {
    "ledger": ("Vem har varit här?", "Who was here?"),
    "ledger.intro": (
        (
            "Här står vem som har kommit in, öppnat dörren, lyssnat, sett genom kameran eller "
            "läst om dig de senaste 30 dagarna. Personalen ser samma rader. Undrar du över "
            "något, fråga hemtjänsten och säg dagen, tiden och numret inom parentes."
        ),
        (
            "Here is who came in, opened the door, listened, looked by the camera or read about "
            "you in the last 30 days. The staff see the same rows. If you wonder about "
            "something, ask the home care and tell the day, the time and the number in brackets."
        ),
    ),
    "ledger.none": (
        "Ingen har varit här eller läst om dig de senaste 30 dagarna.",
        "Nobody was here or read about you in the last 30 days.",
    ),
    "ledger.today": ("I dag", "Today"),
    "ledger.yesterday": ("I går", "Yesterday"),
    "ledger.who": ("Någon från hemtjänsten (%s)", "Somebody from the home care (%s)"),
    "ledger.unknown": ("Någon som vi inte vet vem det var", "Somebody we do not know"),
    "ledger.visit.started": ("%s kom till dig", "%s came to you"),
    "ledger.page.opened": (
        "%s öppnade den här sidan med en kod",
        "%s opened this page with a code",
    ),
    "ledger.record.read": ("%s läste om dig", "%s read about you"),
    "ledger.unlock.refused": (
        "%s försökte öppna dörren och fick inte",
        "%s tried to open the door and was not let",
    ),
    "ledger.unlock.requested": ("%s begärde att låset skulle öppna", "%s asked the lock to open"),
    "ledger.lock.requested": ("%s begärde att låset skulle låsa", "%s asked the lock to lock"),
    "ledger.unlock.done": ("%s låste upp dörren", "%s unlocked the door"),
    "ledger.unlock.failed": (
        "%s försökte låsa upp dörren, men det gick inte",
        "%s tried to unlock the door, and it did not work",
    ),
    "ledger.unlock.unknown": (
        "%s försökte låsa upp dörren; låset sa inte hur det gick",
        "%s tried to unlock the door; the lock did not say how it went",
    ),
    "ledger.lock.done": ("%s låste dörren", "%s locked the door"),
    "ledger.lock.failed": (
        "%s försökte låsa dörren, men det gick inte",
        "%s tried to lock the door, and it did not work",
    ),
    "ledger.lock.unknown": (
        "%s försökte låsa dörren; låset sa inte hur det gick",
        "%s tried to lock the door; the lock did not say how it went",
    ),
    "ledger.voice.begun": ("%s talade med dig och hörde dig", "%s spoke with you and heard you"),
    "ledger.voice.refused": (
        "%s ville tala med dig, men samtalet blev inte av",
        "%s wanted to speak with you, and it did not come to it",
    ),
    "ledger.look.begun": ("%s såg dig genom kameran", "%s saw you by the camera"),
    "ledger.look.unseen": (
        "%s öppnade kameran, men såg ingen bild",
        "%s opened the camera, and saw no picture",
    ),
    "ledger.look.refused": (
        "%s ville se genom kameran och fick inte",
        "%s wanted to look by the camera and was not let",
    ),
    "look": ("Någon ser in genom kameran nu", "Somebody sees in by the camera now"),
    "look.ends": (
        "Kameran stängs av sig själv inom en minut",
        "The camera closes by itself within a minute",
    ),
    "camera": ("Kameran", "The camera"),
    "camera.agreed": (
        "Stängd. Öppnas bara när någon från hemtjänsten ser till dig",
        "Closed. It opens only when somebody from the home care looks after you",
    ),
    "camera.not_agreed": (
        "Stängd. Ingen får se genom den, för samtycke saknas",
        "Closed. Nobody may see by it, for there is no consent",
    ),
    "type.camera": ("Kamera", "Camera"),
    "picture.normal": ("Vanlig bild", "A normal picture"),
    "picture.edges": ("Bara konturer", "Outlines only"),
    "picture.silhouette": ("Bara en siluett", "A silhouette only"),
    "picture.thermal": ("Värmebild", "A thermal picture"),
    "picture.depth": ("Djupbild", "A depth picture"),
    "picture.unknown": ("Okänd sorts bild", "Unknown kind of picture"),
    "ledger.took": ("Det varade %s", "It took %s"),
    "ledger.centre": ("Larmcentralen", "The alarm centre"),
    "ledger.listened": (
        "Ett larm hade gått hos dig. Det varade %s",
        "There was an alarm in your home. It took %s",
    ),
    "ledger.seconds": ("%d sekunder", "%d seconds"),
    "ledger.minutes": ("%d min %d s", "%d min %d s"),
    "look.check": ("För tillsynen på natten", "For the check at night"),
    "look.sensor_unsure": (
        "För tillsynen på natten: sensorn gav inget säkert svar",
        "For the check at night: the sensor gave no clear answer",
    ),
    "look.again": (
        "För tillsynen på natten: den förra bilden var oklar",
        "For the check at night: the picture before was unclear",
    ),
    "look.alarm": ("Ett larm hade gått hos dig", "There was an alarm in your home"),
    "look.worry": ("Av oro för dig", "Out of concern for you"),
    "look.asked": (
        "Du eller en anhörig bad om det",
        "You or a relative asked for it",
    ),
    "look.test": ("För att prova kameran", "To try the camera"),
    "look.unknown": ("Orsaken är okänd", "The reason is not known"),
    "why.planned_visit": ("Ett besök som var planerat", "A visit that was planned"),
    "why.alarm": ("Ett larm hade gått hos dig", "There was an alarm in your home"),
    "why.check": ("För tillsynen på natten", "For the check at night"),
    "why.service": ("För att laga eller prova utrustningen", "To mend or try the equipment"),
    "why.home": ("Sidan om ditt hem", "The page about your home"),
    "why.events": ("Vad som har hänt hemma hos dig", "What happened in your home"),
    "why.visits": ("När du har haft besök", "When you had visits"),
    "why.visits_file": ("När du har haft besök, som fil", "When you had visits, as a file"),
    "why.access": (
        "Vem som har läst och varit här (kontroll)",
        "Who read and was here (a check)",
    ),
    "why.access_file": (
        "Vem som har läst och varit här, som fil (kontroll)",
        "Who read and was here, as a file (a check)",
    ),
    "why.relative": ("När du har haft besök (anhörig)", "When you had visits (a relative)"),
    "why.position_alarm": ("Var du var, efter ett larm", "Where you were, after an alarm"),
    "why.position_search": ("Var du var, när någon sökte dig", "Where you were, to find you"),
    "why.position_safety": ("Var du var, av oro för dig", "Where you were, out of fear for you"),
    "why.position_test": ("Var du var, när givaren provades", "Where you were, to try the device"),
}
