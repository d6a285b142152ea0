"""The Market's checklist: what moderation asks of the app, row by row, from Bitrix24's publication requirements.

Source: the official documentation, market/preparing-to-publish (CR common-requirements, PR publication-requirements, CL checklist, FAQ,
HOW how-to-add-app). How each row is proven: S by a script, B in a browser, H by hand (docs/release-sheet.md).
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Row:
    """One row: its id, what it asks, how it is proven, and where it stands in the documentation."""

    id: str
    asks: str
    kind: Literal["S", "B", "H"]
    source: str


ROWS = {
    row.id: row
    for row in (
        Row(
            "M01", "Fresh install on a portal that never had the app ends on the app's own screen, never on an empty frame", "B", "CR2, PR3"
        ),
        Row("M02", "When the wizard ends, the user is taken to the app without a click", "B", "CR2"),
        Row("M03", "Install, remove, install again on the same portal works", "S", "PR3"),
        Row("M04", "The same cycle on a clean live portal that is not the development one", "H", "PR3, HOW"),
        Row("M05", "After removal no tokens and no user data of that portal stay in our database", "S", "PR3"),
        Row("M06", "Scenarios pass for an administrator and, separately, for an ordinary user", "B", "PR3"),
        Row("M07", "Application URL and installer URL answer HEAD with 200, 301 or 302", "S", "FAQ"),
        Row("M08", "Valid TLS certificate, at least domain-validated", "S", "CR2"),
        Row("M09", "The app never asks for a Bitrix24 login or password; OAuth 2.0 only", "S", "CR2"),
        Row("M10", "Works in on-premise Bitrix24", "S", "CR2"),
        Row("M11", "Looked at once inside a real on-premise portal", "H", "CR2"),
        Row("M12", "Requests are checked before sending; data known to be wrong never leaves", "S", "CR2"),
        Row("M13", "API errors are handled; a malformed request is not resent", "S", "CR2"),
        Row("M14", "Answers that cannot change during a session are cached", "S", "CR2"),
        Row("M15", "Runs of calls use batch", "S", "CR2"),
        Row("M16", "Requests and answers of server-side REST calls are kept for at least 3 days", "S", "CR2"),
        Row("M17", "The log of one exchange can be exported for a vendor support ticket", "S", "PR7"),
        Row("M18", "No vertical or horizontal scroll bars in the frame from 1280 px up", "B", "CR2"),
        Row("M19", "No JavaScript errors", "B", "CR2"),
        Row("M20", "No links to missing or empty pages", "S", "CR2"),
        Row("M21", "No missing images, styles or scripts", "S", "CR2"),
        Row("M22", "No server warnings or tracebacks shown", "S", "CR2"),
        Row("M23", "No database errors shown", "S", "CR2"),
        Row("M24", "No broken encoding", "S", "CR2"),
        Row("M25", "Modern look close to Bitrix24, not plain HTML", "H", "CR2"),
        Row("M26", "No obvious spelling mistakes in the interface", "S", "CR2"),
        Row("M27", "Demo data contains nothing real (phones, mails, social links)", "S", "CR2"),
        Row("M28", "Nothing offensive or unlawful in interface, demo data or card", "H", "CR1D, CR2"),
        Row("M29", "No partner promotions or discounts inside the app", "S", "CR2"),
        Row("M30", "The vendor's security scanner finds nothing", "H", "CR2"),
        Row("M31", "Only scopes that this version uses, none for the future", "S", "CR1C, CL"),
        Row("M32", "Users scope is the minimal one unless the main function fails without it", "S", "CR1C"),
        Row("M33", "Menu-item option on only if there is a screen for it", "H", "CR1C"),
        Row("M34", "Mobile option on only if the screen is fully responsive", "B", "CR1C"),
        Row("M35", "Widgets option on only if used; every placement named in the version card", "S", "CR1C, CL"),
        Row("M36", "'Any user can install' only if nothing needs administrator rights", "S", "CR1C"),
        Row("M37", "Technological type is REST API; application and installer URLs filled", "H", "CR1C"),
        Row("M38", "The app does what title and description say", "H", "CR2"),
        Row("M39", "It extends Bitrix24 by working with its data, not by framing an outside page", "H", "CR2"),
        Row("M40", "It is no clone of another app of ours in look or demo content", "H", "CR2"),
        Row("M41", "Personal data handled lawfully; the privacy page names what is stored", "H", "CR2"),
        Row("M42", "Advertising mail only with separate, optional consent; refusing disables nothing", "S", "CR2"),
        Row("M43", "If published as free: everything works at once, no time limit, no paid switch", "H", "PR1"),
        Row("M44", "If anything costs extra, the description says so with prices", "S", "CR1B, PR1"),
        Row("M45", "Title is concise and meaningful, not a test name", "S", "CL, CR1B"),
        Row("M46", "Title is exactly the same in card and licence", "S", "CL"),
        Row("M47", "At most 5 categories; 'Miscellaneous' only as a last resort", "S", "CR1B"),
        Row("M48", "At most 5 collection tags", "S", "CR1B"),
        Row("M49", "Short description is 1-2 sentences and does not repeat the title", "S", "CR1B"),
        Row("M50", "Full description lists tasks solved and all limits (tariff, rights, extra software, numeric limits)", "H", "CR1B"),
        Row("M51", "English texts present; every language's texts really in that language", "S", "CR1B, CR1D"),
        Row("M52", "Keywords fit the function, comma-separated, at most 2000 characters, no 'Bitrix24', no brand spam", "S", "CR1B"),
        Row("M53", "Installation text gives the steps, where the settings are and what each does", "H", "CR1B"),
        Row("M54", "Support field: official channels, working days and hours, response time; no Russian links in English", "S", "CR1B"),
        Row("M55", "Icon square, 250-650 px, JPEG or PNG, no transparency", "S", "CR1B, CL"),
        Row("M56", "Icon sharp, without foreign or vendor trademarks", "H", "CR1B"),
        Row("M57", "Screenshots JPEG or PNG, at most 1280 x 720", "S", "CR1B"),
        Row("M58", "Screenshots show the app open in the slider with full, lifelike demo data", "H", "CR1B"),
        Row("M59", "Text in screenshots is in the language of that description", "H", "CR1D"),
        Row("M60", "Licence link opens in the browser (html, pdf, txt), names the app and the licensor", "S", "CR1B, CL"),
        Row("M61", "Privacy policy link likewise", "S", "CR1B, CL"),
        Row("M62", "Both documents fit the law of the region", "H", "CR1B"),
        Row("M63", "Pictures and videos in the description open", "S", "CL"),
        Row("M64", "Contact and demo links, if given, lead to a product page with a contact form", "S", "CR1B"),
        Row("M65", "Vendor names spelled properly (Bitrix24 Market)", "S", "CR1B"),
        Row("M66", "Each field holds its own matter: no contacts in the description, no discounts, no direct selling", "S", "CR1D"),
        Row("M67", "No obvious grammar mistakes in the card", "S", "CR1D"),
        Row("M68", "Required fields filled: installation, description, support, icon, screenshots", "S", "CR1D"),
        Row("M69", "From the second version on, 'What's new' is filled in every language of the description", "S", "CR1C, CR1D"),
        Row("M70", "Region, sale terms and legal entity set; agreements accepted", "H", "HOW"),
        Row("M71", "Moderator's data filled: what to open, a demo account, a test plan", "H", "CL, PR4"),
        Row("M72", "Works on a standard cloud portal of the highest plan", "H", "PR4"),
        Row("M73", "Tested from the version card's 'Test' button with the issued keys", "H", "PR3, HOW"),
        Row("M74", "What runs equals what was moderated (the FAQ allows no code change after approval)", "S", "FAQ"),
        Row("M75", "New versions and card changes are sent to moderation; nothing edited meanwhile", "H", "PR6, FAQ"),
        Row("M76", "Support duty: REST faults go to the vendor with logs, users are not sent there", "H", "PR7"),
    )
}

TESTED = [row.id for row in ROWS.values() if row.kind in "SB"]
BY_HAND = [row.id for row in ROWS.values() if row.kind == "H"]
