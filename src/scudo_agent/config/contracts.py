"""What the desk asks of a contract: its terms alone."""

from scudo_agent.config.contract_body import Body
from scudo_agent.config.contract_file import SoundContract, contract_of_data, sound
from scudo_agent.contract.terms import ContractTerms
from scudo_agent.errors import ConfigError

ContractFile = SoundContract
read_file = sound


def terms_of_body(body: Body) -> ContractTerms:
    """The terms of a contract that was stored; `ValueError` if it is none."""
    try:
        contract = contract_of_data(body, name="the contract")
    except ConfigError as exc:
        raise ValueError(str(exc)) from None
    return ContractTerms(
        id=contract.id,
        title=contract.title,
        timezone=contract.timezone,
        year_start=contract.year_start,
        target=contract.uptime.target,
        reopen_us=contract.tickets.reopen_us,
        close_after_us=contract.tickets.close_after_us,
    )
