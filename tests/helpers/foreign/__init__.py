"""Texts of other tools, made by small generators that know what they mean.

Each module makes the texts of one tool as strategies of hypothesis.
"""
