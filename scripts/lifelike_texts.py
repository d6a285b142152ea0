"""What an invented company writes to its people, in the app's languages: texts by name, each with the TAG and SUB_TAG they go under."""

from typing import NamedTuple


class Matter(NamedTuple):
    """One text that is sent, and its tags."""

    text: str
    tag: str = ""
    sub_tag: str = ""


class Invitation(NamedTuple):
    """What somebody is asked by the portal itself: the question, and its two buttons."""

    text: str
    yes: str
    no: str


class Language(NamedTuple):
    """All texts in one language. `code` is the portal's own name for it, `company` that of the portal."""

    code: str
    company: str
    matters: dict[str, Matter]
    reasons: tuple[str, ...]
    feed: dict[str, str]
    invitations: tuple[Invitation, Invitation]
    robot: str
    cells: tuple[tuple[str, str], ...]


LANGUAGES = {
    "en": Language(
        "en",
        "Lantern Works",
        {
            "stocktaking": Matter(
                "The warehouse closes at noon on [B]Friday[/B] for the stocktaking. Orders placed later leave on Monday.",
                "stocktaking",
                "warehouse",
            ),
            "invoice": Matter("Invoice 4471 of Harbour Bakery awaits your approval.", "invoice-4471", "invoices"),
            "invoice paid": Matter("Invoice 4468 of Blue Kettle Café is paid.", "invoice-4468", "invoices"),
            "report": Matter("The weekly report is ready: 14 new orders, two late deliveries.", "weekly-report", "reports"),
            "maintenance": Matter(
                "The servers are maintained tonight from 11 pm to 1 am. Please save your work before.", "maintenance", "it"
            ),
            "contract": Matter("The contract with Nordwind Freight ends in three days.", "contract-2210", "contracts"),
            "delivery": Matter(
                "The delivery window of order 88-104 has moved to Friday, 2 to 4 pm. Please tell the customer.", "order-88-104", "logistics"
            ),
            "shifts": Matter("The shift plan of next week is out. Swaps until Thursday, please.", "shift-plan", "support"),
            "order": Matter("Order 3107 is paid and ready to be packed.", "order-3107", "shop"),
            "parking": Matter("The car park behind the hall is closed on Tuesday.", "car-park"),
            "soup": Matter("Lunch is on the house today: pumpkin soup and fresh bread in the canteen."),
            "drill": Matter("Fire drill on the 14th at ten. Please confirm that you know your meeting point.", "fire-drill", "safety"),
            "travel": Matter(
                "The new [B]travel rules[/B] hold from next month. Please read them and confirm that you know them.",
                "travel-rules",
                "rules",
            ),
            "budget": Matter("Is the budget of the winter catalogue right as it stands?", "winter-budget", "finance"),
            "hands": Matter(
                "All hands meet on Thursday at ten in the canteen. Coffee is there from half past nine.", "all-hands", "events"
            ),
            "survey": Matter("How was your first month with the new desks? Three questions, two minutes.", "desk-survey", "events"),
            "price list": Matter("The spring price list is final.", "price-list", "sales"),
            "holidays": Matter("Please enter your summer holidays by the end of the month.", "summer-holidays", "hr"),
        },
        ("On leave until the 30th", "I do not travel for work", "Not clear who approves trips abroad"),
        {
            "task": "The task [B]Order lamp oil[/B] is due tomorrow.",
            "comment": "Added a comment to the task [B]Winter catalogue[/B]: the pictures are ready.",
            "mention": "Mentioned you in the chat [B]Packing line[/B]: could you have a look, please?",
        },
        (
            Invitation("You are invited to the workgroup Lantern Festival", "Accept", "Decline"),
            Invitation("You are invited to the meeting Winter planning", "Attend", "Decline"),
        ),
        "Shop robot",
        (("Amount", "1,240.00 €"), ("Due", "28 November"), ("Customer", "Harbour Bakery")),
    ),
    "ru": Language(
        "ru",
        "Северный причал",
        {
            "stocktaking": Matter(
                "В [B]пятницу[/B] склад закрывается в полдень на инвентаризацию. Более поздние заказы уйдут в понедельник.",
                "инвентаризация",
                "склад",
            ),
            "invoice": Matter("Счёт 4471 «Портовой пекарни» ждёт вашего согласования.", "счёт-4471", "счета"),
            "invoice paid": Matter("Счёт 4468 кафе «Синий чайник» оплачен.", "счёт-4468", "счета"),
            "report": Matter("Недельный отчёт готов: 14 новых заказов, две опоздавшие поставки.", "недельный-отчёт", "отчёты"),
            "maintenance": Matter(
                "Сегодня с 23:00 до 1:00 обслуживание серверов. Пожалуйста, сохраните работу заранее.", "обслуживание", "ит"
            ),
            "contract": Matter("Договор с «Нордвинд Карго» заканчивается через три дня.", "договор-2210", "договоры"),
            "delivery": Matter(
                "Доставка заказа 88-104 перенесена на пятницу, с 14 до 16 часов. Сообщите, пожалуйста, клиенту.",
                "заказ-88-104",
                "логистика",
            ),
            "shifts": Matter("График смен на следующую неделю готов. Обмены — до четверга.", "график-смен", "поддержка"),
            "order": Matter("Заказ 3107 оплачен, его можно собирать.", "заказ-3107", "магазин"),
            "parking": Matter("Во вторник парковка за цехом закрыта.", "парковка"),
            "soup": Matter("Сегодня обед за счёт компании: тыквенный суп и свежий хлеб в столовой."),
            "drill": Matter("14-го в десять учебная тревога. Подтвердите, что знаете своё место сбора.", "учебная-тревога", "безопасность"),
            "travel": Matter(
                "Со следующего месяца действуют новые [B]правила командировок[/B]. Прочитайте их и подтвердите, что ознакомились.",
                "правила-командировок",
                "правила",
            ),
            "budget": Matter("Согласны ли вы с бюджетом зимнего каталога?", "бюджет-каталога", "финансы"),
            "hands": Matter("В четверг в десять общее собрание в столовой. Кофе — с половины десятого.", "общее-собрание", "события"),
            "survey": Matter("Как прошёл первый месяц с новыми столами? Три вопроса, две минуты.", "опрос-столы", "события"),
            "price list": Matter("Весенний прайс-лист утверждён.", "прайс-лист", "продажи"),
            "holidays": Matter("Внесите, пожалуйста, летние отпуска до конца месяца.", "летние-отпуска", "кадры"),
        },
        ("В отпуске до 30-го", "Не езжу в командировки", "Непонятно, кто согласует поездки за границу"),
        {
            "task": "Завтра срок задачи [B]Заказать масло для ламп[/B].",
            "comment": "Комментарий к задаче [B]Зимний каталог[/B]: снимки готовы.",
            "mention": "Вас упомянули в чате [B]Линия упаковки[/B]: посмотрите, пожалуйста?",
        },
        (
            Invitation("Вас приглашают в группу «Праздник фонарей»", "Принять", "Отклонить"),
            Invitation("Вас приглашают на встречу «Планы на зиму»", "Участвую", "Отклонить"),
        ),
        "Робот магазина",
        (("Сумма", "1 240,00 €"), ("Срок", "28 ноября"), ("Клиент", "Портовая пекарня")),
    ),
    "de": Language(
        "de",
        "Birkenfluss GmbH",
        {
            "stocktaking": Matter(
                "Am [B]Freitag[/B] schließt das Lager mittags zur Inventur. Spätere Bestellungen gehen am Montag hinaus.",
                "inventur",
                "lager",
            ),
            "invoice": Matter("Rechnung 4471 der Hafenbäckerei wartet auf Ihre Freigabe.", "rechnung-4471", "rechnungen"),
            "invoice paid": Matter("Rechnung 4468 des Cafés Blauer Kessel ist bezahlt.", "rechnung-4468", "rechnungen"),
            "report": Matter("Der Wochenbericht ist fertig: 14 neue Aufträge, zwei verspätete Lieferungen.", "wochenbericht", "berichte"),
            "maintenance": Matter("Heute von 23 bis 1 Uhr werden die Server gewartet. Bitte vorher alles speichern.", "wartung", "it"),
            "contract": Matter("Der Vertrag mit Nordwind Fracht endet in drei Tagen.", "vertrag-2210", "verträge"),
            "delivery": Matter(
                "Die Lieferung des Auftrags 88-104 kommt nun am Freitag zwischen 14 und 16 Uhr. Bitte dem Kunden Bescheid geben.",
                "auftrag-88-104",
                "logistik",
            ),
            "shifts": Matter("Der Schichtplan der nächsten Woche steht. Tauschwünsche bitte bis Donnerstag.", "schichtplan", "support"),
            "order": Matter("Bestellung 3107 ist bezahlt und kann gepackt werden.", "bestellung-3107", "shop"),
            "parking": Matter("Der Parkplatz hinter der Halle ist am Dienstag gesperrt.", "parkplatz"),
            "soup": Matter("Das Mittagessen geht heute aufs Haus: Kürbissuppe und frisches Brot in der Kantine."),
            "drill": Matter(
                "Brandschutzübung am 14. um zehn. Bitte bestätigen, dass Sie Ihren Sammelplatz kennen.", "brandschutzübung", "sicherheit"
            ),
            "travel": Matter(
                "Ab nächstem Monat gelten die neuen [B]Reiseregeln[/B]. Bitte lesen und bestätigen, dass Sie sie kennen.",
                "reiseregeln",
                "regeln",
            ),
            "budget": Matter("Stimmt das Budget des Winterkatalogs so?", "winterbudget", "finanzen"),
            "hands": Matter(
                "Betriebsversammlung am Donnerstag um zehn in der Kantine. Kaffee gibt es ab halb zehn.", "versammlung", "termine"
            ),
            "survey": Matter("Wie war der erste Monat mit den neuen Tischen? Drei Fragen, zwei Minuten.", "umfrage-tische", "termine"),
            "price list": Matter("Die Preisliste für das Frühjahr ist fertig.", "preisliste", "vertrieb"),
            "holidays": Matter("Bitte den Sommerurlaub bis Ende des Monats eintragen.", "sommerurlaub", "personal"),
        },
        ("Bis zum 30. im Urlaub", "Ich reise nicht dienstlich", "Unklar, wer Auslandsreisen genehmigt"),
        {
            "task": "Die Aufgabe [B]Lampenöl bestellen[/B] ist morgen fällig.",
            "comment": "Neuer Kommentar zur Aufgabe [B]Winterkatalog[/B]: Die Bilder sind fertig.",
            "mention": "Sie wurden im Chat [B]Packstraße[/B] erwähnt: Können Sie bitte einmal nachsehen?",
        },
        (
            Invitation("Sie sind in die Arbeitsgruppe Laternenfest eingeladen", "Annehmen", "Ablehnen"),
            Invitation("Sie sind zum Termin Winterplanung eingeladen", "Teilnehmen", "Ablehnen"),
        ),
        "Shop-Roboter",
        (("Betrag", "1.240,00 €"), ("Fällig", "28. November"), ("Kunde", "Hafenbäckerei")),
    ),
    "es": Language(
        "la",
        "Talleres Farol",
        {
            "stocktaking": Matter(
                "El [B]viernes[/B] el almacén cierra a mediodía por inventario. Los pedidos posteriores salen el lunes.",
                "inventario",
                "almacén",
            ),
            "invoice": Matter("La factura 4471 de Panadería del Puerto espera su aprobación.", "factura-4471", "facturas"),
            "invoice paid": Matter("La factura 4468 del Café Tetera Azul está pagada.", "factura-4468", "facturas"),
            "report": Matter("El informe semanal está listo: 14 pedidos nuevos, dos entregas con retraso.", "informe-semanal", "informes"),
            "maintenance": Matter(
                "Esta noche, de 23:00 a 1:00, hay mantenimiento de los servidores. Guarde antes su trabajo.", "mantenimiento", "sistemas"
            ),
            "contract": Matter("El contrato con Fletes Nordwind termina en tres días.", "contrato-2210", "contratos"),
            "delivery": Matter(
                "La entrega del pedido 88-104 pasa al viernes, de 14 a 16 horas. Avise al cliente, por favor.", "pedido-88-104", "logística"
            ),
            "shifts": Matter("Ya está el plan de turnos de la próxima semana. Cambios hasta el jueves.", "turnos", "soporte"),
            "order": Matter("El pedido 3107 está pagado y listo para empaquetar.", "pedido-3107", "tienda"),
            "parking": Matter("El martes se cierra el aparcamiento de detrás de la nave.", "aparcamiento"),
            "soup": Matter("Hoy la comida corre a cuenta de la casa: crema de calabaza y pan recién hecho en el comedor."),
            "drill": Matter(
                "Simulacro de incendio el día 14 a las diez. Confirme que conoce su punto de encuentro.", "simulacro", "seguridad"
            ),
            "travel": Matter(
                "Las nuevas [B]normas de viaje[/B] rigen desde el próximo mes. Léalas y confirme que las conoce.",
                "normas-de-viaje",
                "normas",
            ),
            "budget": Matter("¿Es correcto el presupuesto del catálogo de invierno?", "presupuesto", "finanzas"),
            "hands": Matter("Reunión general el jueves a las diez en el comedor. Hay café desde las nueve y media.", "reunión", "eventos"),
            "survey": Matter("¿Qué tal el primer mes con las mesas nuevas? Tres preguntas, dos minutos.", "encuesta-mesas", "eventos"),
            "price list": Matter("La lista de precios de primavera es definitiva.", "lista-de-precios", "ventas"),
            "holidays": Matter("Anote sus vacaciones de verano antes de fin de mes.", "vacaciones", "personal"),
        },
        ("De vacaciones hasta el 30", "No viajo por trabajo", "No queda claro quién aprueba los viajes al extranjero"),
        {
            "task": "La tarea [B]Pedir aceite para lámparas[/B] vence mañana.",
            "comment": "Nuevo comentario en la tarea [B]Catálogo de invierno[/B]: las fotos están listas.",
            "mention": "Le mencionaron en el chat [B]Línea de empaque[/B]: ¿puede echar un vistazo, por favor?",
        },
        (
            Invitation("Le invitan al grupo de trabajo Fiesta de los faroles", "Aceptar", "Rechazar"),
            Invitation("Le invitan a la reunión Planes de invierno", "Asistir", "Rechazar"),
        ),
        "Robot de la tienda",
        (("Importe", "1.240,00 €"), ("Vence", "28 de noviembre"), ("Cliente", "Panadería del Puerto")),
    ),
    "pt-br": Language(
        "br",
        "Oficina Lampião",
        {
            "stocktaking": Matter(
                "Na [B]sexta-feira[/B] o depósito fecha ao meio-dia para o inventário. Pedidos posteriores saem na segunda.",
                "inventário",
                "depósito",
            ),
            "invoice": Matter("A fatura 4471 da Padaria do Porto aguarda sua aprovação.", "fatura-4471", "faturas"),
            "invoice paid": Matter("A fatura 4468 do Café Chaleira Azul foi paga.", "fatura-4468", "faturas"),
            "report": Matter(
                "O relatório semanal está pronto: 14 pedidos novos, duas entregas atrasadas.", "relatório-semanal", "relatórios"
            ),
            "maintenance": Matter(
                "Hoje, das 23h à 1h, há manutenção dos servidores. Por favor, salve seu trabalho antes.", "manutenção", "ti"
            ),
            "contract": Matter("O contrato com a Nordwind Fretes termina em três dias.", "contrato-2210", "contratos"),
            "delivery": Matter(
                "A entrega do pedido 88-104 passou para sexta-feira, das 14h às 16h. Por favor, avise o cliente.",
                "pedido-88-104",
                "logística",
            ),
            "shifts": Matter("A escala da próxima semana está pronta. Trocas até quinta-feira, por favor.", "escala", "suporte"),
            "order": Matter("O pedido 3107 foi pago e pode ser embalado.", "pedido-3107", "loja"),
            "parking": Matter("Na terça-feira o estacionamento atrás do galpão fica fechado.", "estacionamento"),
            "soup": Matter("Hoje o almoço é por conta da casa: sopa de abóbora e pão fresco no refeitório."),
            "drill": Matter(
                "Simulação de incêndio no dia 14 às dez. Confirme que conhece o seu ponto de encontro.", "simulação", "segurança"
            ),
            "travel": Matter(
                "As novas [B]regras de viagem[/B] valem a partir do próximo mês. Leia e confirme que as conhece.",
                "regras-de-viagem",
                "regras",
            ),
            "budget": Matter("O orçamento do catálogo de inverno está certo assim?", "orçamento", "finanças"),
            "hands": Matter(
                "Reunião geral na quinta-feira às dez no refeitório. Café a partir das nove e meia.", "reunião-geral", "eventos"
            ),
            "survey": Matter("Como foi o primeiro mês com as mesas novas? Três perguntas, dois minutos.", "pesquisa-mesas", "eventos"),
            "price list": Matter("A lista de preços da primavera está fechada.", "lista-de-preços", "vendas"),
            "holidays": Matter("Registre suas férias de verão até o fim do mês.", "férias-de-verão", "rh"),
        },
        ("De férias até o dia 30", "Não viajo a trabalho", "Não está claro quem aprova viagens ao exterior"),
        {
            "task": "A tarefa [B]Comprar óleo de lamparina[/B] vence amanhã.",
            "comment": "Novo comentário na tarefa [B]Catálogo de inverno[/B]: as fotos estão prontas.",
            "mention": "Você foi mencionado no chat [B]Linha de embalagem[/B]: pode dar uma olhada, por favor?",
        },
        (
            Invitation("Você foi convidado para o grupo de trabalho Festa das lanternas", "Aceitar", "Recusar"),
            Invitation("Você foi convidado para a reunião Planos de inverno", "Participar", "Recusar"),
        ),
        "Robô da loja",
        (("Valor", "R$ 1.240,00"), ("Vencimento", "28 de novembro"), ("Cliente", "Padaria do Porto")),
    ),
}
"""By the app's language code."""
