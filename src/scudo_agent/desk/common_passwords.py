"""The hundred commonest passwords that are long enough to be typed here.

As they lead the public lists of leaked passwords, and as people in Italy write them;
in small letters.
"""

COMMON = frozenset(
    """
    1234567890 0123456789 0987654321 9876543210 1111111111 0000000000 1234554321
    12345678910 123456789a 123456789q 1234567891 123456789abc a123456789 q123456789
    123123123123 112233445566 111222333444 1029384756 192837465a 147258369a
    1472583690 7894561230 7418529630 4815162342 3141592654 1123581321 1357924680
    2468013579 qwertyuiop qwertyuiop1 qwertyuiop123 qwerty1234 qwerty12345
    qwerty123456 qwerty123! qwertz1234 qwertzuiop q1w2e3r4t5 q1w2e3r4t5y6
    1q2w3e4r5t 1q2w3e4r5t6y 1qaz2wsx3edc 1qazxsw23edc qazwsxedc123 zaq12wsxcde3
    123qweasdzxc qweasdzxc123 asdfghjkl1 asdfghjkl123 zxcvbnm123 asdfqwer1234
    abcdefghij abcdef123456 abc123456789 abcd123456 abcd1234abcd aaaaaaaaaa
    password12 password123 password1234 password12345 password123! password2024
    password2025 password2026 passw0rd123 passw0rd1234 p@ssw0rd123 p@ssword123
    mypassword adminadmin admin12345 admin123456 administrator welcome123
    welcome1234 changeme123 letmein123 letmein1234 iloveyou123 iloveyou12
    basketball basketball1 manchester manchester1 sunshine123
    football123 princess123 superman123 dragon12345 master12345 ciaociaociao
    ciaociao123 buongiorno benvenuto1 benvenuto123 forzajuventus forzainter
    forzamilan passwordpassword
    """.split()  # noqa: SIM905
)
