"""How much energy do public institutions use, against which limit, and what does it emit?"""
