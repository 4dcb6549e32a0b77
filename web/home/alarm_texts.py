"""What open alarms are called on the home's own page: Swedish first, English beside it.

Not for: the page's other texts (`words`).
"""

from __future__ import annotations

ALARM_TEXTS: dict[str, tuple[str, str]] = {
    "alarms": ("Öppna larm", "Open alarms"),
    "alarms.none": ("Inga öppna larm", "No open alarms"),
    "alarm.acknowledged": ("Någon har tagit larmet", "Somebody has taken it"),
    "alarm.waiting": ("Ingen har tagit larmet än", "Nobody has taken it yet"),
    "alarm.take_back": ("Ta tillbaka larmet", "Take the alarm back"),
    "alarm.take_back.wearer": (
        "Tryckte du av misstag? Personalen ser att du har tagit tillbaka larmet.",
        "Pressed by mistake? Staff see that you took the alarm back.",
    ),
    "alarm.take_back.caregiver": (
        "Bara om du är här och har sett att ingen hjälp behövs. Kollegorna ser det.",
        "Only if you are here and have seen that no help is needed. Your colleagues see it.",
    ),
    "alarm.take_back.yes": ("Ja, ta tillbaka det", "Yes, take it back"),
    "alarm.take_back.no": (
        "Larmet kunde inte tas tillbaka. Ring personalen.",
        "The alarm could not be taken back. Call the staff.",
    ),
    "alarm.bed_exit": (
        "Har lämnat sängen och inte kommit tillbaka",
        "Left the bed and did not come back",
    ),
    "alarm.on_floor": ("Troligt fall: ligger på golvet", "Probably lies on the floor"),
    "alarm.pendant": ("Larmknappen trycktes", "The pendant was pressed"),
    "alarm.inactivity": ("Ingen aktivitet på länge", "No sign of life for long"),
    "alarm.bathroom_long": ("Länge i badrummet", "Long in the bathroom"),
    "alarm.left_zone": ("Utanför sitt område", "Outside the area"),
    "alarm.tracker_silent": (
        "Ingen kontakt med positionsgivaren",
        "No contact with the transponder",
    ),
    "alarm.tracker_battery": (
        "Positionsgivarens batteri är lågt",
        "The transponder's battery is low",
    ),
    "alarm.wandering": ("Ute ur hemmet på natten", "Out of the home at night"),
    "alarm.moisture": ("Fukt: dags att byta", "Moisture: time for a change"),
    "alarm.check_unreported": (
        "Nattillsynen rapporterades inte till personalen",
        "The night check never reached the staff",
    ),
    "alarm.door_left_open": ("Ytterdörren står öppen", "The front door stands open"),
    "alarm.too_cold": ("För kallt i hemmet för länge", "Too cold in the home for long"),
    "alarm.too_hot": ("För varmt i hemmet för länge", "Too hot in the home for long"),
    "alarm.power_lost": ("Strömmen försvann", "The power is gone"),
    "alarm.power_failing": ("Strömavbrott, larmen går på batteri", "Power cut, alarms on battery"),
    "alarm.power_weak": ("Enheten får för svag ström", "The unit gets too weak a supply"),
    "alarm.log_in_memory": ("Byt minneskort: det tar inte emot", "Change the card: it is worn"),
    "alarm.home_fell_back": ("Enheten har en skadad fil", "A file of the unit is damaged"),
    "alarm.home_silent": ("Ingen kontakt med hemmet", "The home was not heard"),
    "alarm.home_tampered": ("Hemmets logg stämmer inte", "The home's log does not add up"),
    "alarm.home_overstepped": (
        "Hemmets enhet skickade otillåtna uppgifter",
        "The home's gateway sent something that it may not",
    ),
    "alarm.not_understood": ("Larm som servern inte förstår", "An alarm not understood"),
    "alarm.home_unread": ("Servern kan inte läsa allt härifrån", "The server cannot read it all"),
    "alarm.mat_poor": ("Sängmattan reagerar dåligt", "The bed mat senses badly"),
    "alarm.mat_faulty": ("Sängmattan går inte att lita på", "The bed mat cannot be trusted"),
    "alarm.mat_reversed": ("Sängmattan är omvänt kopplad", "The bed mat is wired in reverse"),
    "alarm.mat_drifted": ("Sängmattan behöver ställas in på nytt", "The bed mat must be set anew"),
    "alarm.mat_unfelt": ("Sängmattan har inte känt någon", "The bed mat has felt nobody"),
    "alarm.mat_unfit": (
        "Sängmattan räcker inte till för den här sängen",
        "The bed mat is not enough for this bed",
    ),
    "alarm.contact_reversed": (
        "Ytterdörrens givare visar kanske fel",
        "The front door's sensor may say the contrary",
    ),
    "alarm.camera_open": (
        "Kamerans lucka går inte igen",
        "The camera's shutter does not shut",
    ),
    "alarm.camera_covered": (
        "Kamerans lucka öppnas inte",
        "The camera's shutter does not open",
    ),
    "alarm.fault_recurring": (
        "Samma fel har kommit tillbaka flera gånger",
        "The same fault has come back several times",
    ),
    "alarm.lock_open": ("Ytterdörren är olåst för länge", "The front door is unlocked for long"),
    "alarm.code_guessing": (
        "Fel kod flera gånger vid dörren",
        "Wrong code several times at the door",
    ),
    "alarm.radio_down": ("Hemmets radio svarar inte", "The home's radio does not answer"),
    "alarm.radio_missed": ("Larmknapp eller lås nås inte", "Pendant or lock cannot be reached"),
    "alarm.device_down": ("En enhet fungerar inte", "A device does not work"),
    "alarm.lock_jammed": ("Låset har fastnat", "The lock is jammed"),
    "alarm.lock_unknown": ("Låsets läge är okänt", "Nobody knows where the bolt is"),
    "alarm.battery_low": ("Ett batteri behöver bytas", "A battery must be changed"),
    "alarm.check_help": ("Hjälp behövs efter nattillsyn", "Help is needed after a night check"),
    "alarm.check_no_answer": (
        "Ingen svarade på nattillsynen",
        "Nobody answered the night check",
    ),
    "alarm.check_unclear": ("Nattillsynen gav inget säkert svar", "The night check gave no answer"),
}
