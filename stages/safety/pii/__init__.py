"""Personal data in text: one scan over UTF-8 bytes for e-mail, phone, IP, card, IBAN, and social security numbers."""
