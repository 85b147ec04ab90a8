// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ISigned} from "./ISigned.sol";

/// @title Registry: who is in the network, and where its money stands.
/// @notice Deploys the channels of consumers and the contracts of accountants at addresses known beforehand.
interface IRegistry is ISigned {
    /// @dev Set at deployment and never after.
    /// @param feeRecipient takes the registration fees; zero: they are burnt.
    /// @param registrationFee base units, from the identity's channel, once.
    /// @param minimumOperatorStake what an accountant's operator has at stake, at least. Base units.
    /// @param exitDelay seconds between an announced exit, stake decrease or withdrawal and its payment (4 days).
    /// @param rateNotice seconds between the announcement of an accountant's new fee rate and its validity (7 days).
    /// @param rotationNotice seconds between the announcement of an accountant's new operator and its validity (14 days).
    /// @param closingDelay seconds between an accountant's closing and its owner's last withdrawal (60 days).
    struct Terms {
        address feeRecipient;
        uint256 registrationFee;
        uint256 minimumOperatorStake;
        uint256 exitDelay;
        uint256 rateNotice;
        uint256 rotationNotice;
        uint256 closingDelay;
    }

    /// @param accountant whose channel pays; a provider names the accountant whose channel address it topped up.
    /// @param beneficiary who is paid for the identity; zero: the identity itself.
    /// @param transactor may send this and is paid `fee`; zero: anybody may, and there is no fee.
    /// @param nonce voids the registration once it is cancelled. It is not used up: one registers only once.
    struct Registration {
        address identity;
        address accountant;
        address beneficiary;
        address transactor;
        uint256 fee;
        uint256 nonce;
        uint256 deadline;
    }

    /// @param beneficiary zero: the identity itself.
    struct BeneficiaryChange {
        address identity;
        address beneficiary;
        uint256 nonce;
        uint256 deadline;
    }

    /// @param url where the accountant's service answers.
    struct UrlChange {
        address accountant;
        string url;
        uint256 nonce;
        uint256 deadline;
    }

    error FeeAboveMaximum(uint256 maximum, uint256 fee);
    error DelayOutOfRange(uint256 delay);
    error AlreadyRegistered(address identity);
    error NotRegistered(address identity);
    error IdentityZero();
    error UnknownAccountant(address accountant);
    error AccountantAlreadyRegistered(address accountant);
    error OperatorZero();
    error StakeTooLow(uint256 minimum, uint256 stake);
    error UrlTooLong(uint256 maximum, uint256 length);
    /// @dev The token took a fee on the way, or did not move what it said.
    error TokenUnsupported(uint256 expected, uint256 received);

    event IdentityRegistered(
        address indexed identity, address indexed accountant, address beneficiary, address transactor, uint256 fee
    );
    event ChannelOpened(address indexed identity, address indexed accountant, address channel);
    event BeneficiaryChanged(address indexed identity, address beneficiary);
    event AccountantRegistered(
        address indexed accountant, address indexed owner, address operator, uint256 stake, uint256 feeRate, string url
    );
    event UrlChanged(address indexed accountant, string url);

    /// @notice Registers an identity, once, and opens its channel if that is not open yet.
    /// @dev Takes `registrationFee + fee` from the channel: consumers and providers alike send that much to their
    /// channel's address first, which needs no deployment. Nothing else is ever taken from a channel by the registry.
    /// Opening the channel or sending money to it beforehand, by anybody, does not disturb a registration.
    /// @return channel where the identity's channel with this accountant is.
    function registerIdentity(Registration calldata registration, bytes calldata signature)
        external
        returns (address channel);

    /// @notice Deploys the channel of an identity with an accountant; does nothing if it is there.
    /// @dev Anybody, and in every state of the accountant, also for one that was never registered: otherwise money on a
    /// predicted address could be locked for ever. There is no fee in it.
    function openChannel(address identity, address accountant) external returns (address channel);

    /// @notice Deploys the contract of an accountant owned by the sender, who pays the operator's stake by allowance.
    /// @dev The address binds owner and operator, so nobody can take another's place on it.
    /// @param operator the hot key: signs promises and fast exits.
    /// @param stake of the operator; base units.
    /// @param feeRate in 1/10,000.
    /// @param url where the accountant's service answers.
    function registerAccountant(address operator, uint256 stake, uint256 feeRate, string calldata url)
        external
        returns (address accountant);

    /// @notice Changes who is paid for an identity. Signed by the identity, sent by anybody, free of a fee.
    function changeBeneficiary(BeneficiaryChange calldata change, bytes calldata signature) external;

    /// @notice Publishes where an accountant's service answers. Signed by its operator, sent by anybody, free of a fee.
    function changeUrl(UrlChange calldata change, bytes calldata signature) external;

    /// @notice Where the channel is, or will be. See `Registry` for the bytes behind it.
    function channelAddress(address identity, address accountant) external view returns (address);

    function accountantAddress(address owner, address operator) external view returns (address);

    /// @return who is paid for the identity: the registered beneficiary, by default the identity itself.
    function beneficiaryOf(address identity) external view returns (address);

    function isRegistered(address identity) external view returns (bool);

    function isAccountant(address accountant) external view returns (bool);

    function urlOf(address accountant) external view returns (string memory);

    function token() external view returns (address);

    function channelImplementation() external view returns (address);

    function accountantImplementation() external view returns (address);

    function feeRecipient() external view returns (address);

    function registrationFee() external view returns (uint256);

    /// @notice Registration fee and transactor's fee together are never above it: one whole token.
    function maxRegistrationFee() external view returns (uint256);

    function minimumOperatorStake() external view returns (uint256);
}
